// Datagrams whose peers have other addresses for the client than outside. Ring 4.
#pragma once

#include <muxpro/proxy/datagram_stream.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace muxpro::proxy {

/// A datagram with its peer, held back.
struct held_datagram {
  host_port peer;
  std::vector<std::byte> data;
};

/// Returns where a datagram goes instead, or nothing if it goes where its client sends it.
using rename_peer = std::function<std::optional<host_port>(const host_port&)>;

/// Peers of an association that are remembered. The one that was used last stays longest.
inline constexpr std::size_t max_renamed_peers = 64;

/// `first` is received before what `stream` has. An answer from where a datagram went has the name that its
/// client used. A name is resolved further on. The first answer from an address that no datagram went to,
/// from the name's port, sets the name's address, for as long as the association lasts. Other datagrams keep
/// the address of their sender.
std::unique_ptr<datagram_stream> renamed(std::unique_ptr<datagram_stream> stream, rename_peer rename,
                                         std::deque<held_datagram> first);

}  // namespace muxpro::proxy
