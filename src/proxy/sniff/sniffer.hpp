// sniffer, which finds the protocol and the host name of a connection in its first bytes. Ring 4, a rule
// without I/O and clock.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace muxpro::proxy {

/// ":method", ":path" and header names in lower case, to their values.
using attributes = std::map<std::string, std::string>;

/// no_clue and found are final. Further bytes do not change them.
enum class sniff_status : std::uint8_t { no_clue, need_more, found };

struct sniff_result {
  sniff_status status = sniff_status::no_clue;
  /// "http1", "tls", "quic" or "bittorrent", if found.
  std::string protocol;
  /// As canonical_host() spells it. Empty if the protocol was found and named no host, or an invalid one.
  std::string domain;
  attributes attrs;

  friend bool operator==(const sniff_result&, const sniff_result&) = default;
};

/// Bytes of a connection that sniffers look at (Xray: 32767).
inline constexpr std::size_t sniff_limit = 32767;
/// Datagrams of an association that sniffers look at. A ClientHello of sniff_limit fits in, 28 of 1200 bytes.
inline constexpr std::size_t max_sniffed_datagrams = 32;

/// Runs all sniffers for TCP on the first bytes of a connection, which are HTTP/1, TLS and BitTorrent. Call
/// it whenever bytes have come, until it needs no more. One call costs no more than some passes over
/// sniff_limit bytes, however they were chosen. With sniff_limit bytes it never asks for more.
sniff_result sniff_stream(const_bytes first);

/// Runs all sniffers for UDP, which are QUIC and uTP, on the first datagrams of an association in the order
/// of arrival. As above, with max_sniffed_datagrams or sniff_limit bytes in all.
sniff_result sniff_datagrams(std::span<const const_bytes> first);

}  // namespace muxpro::proxy
