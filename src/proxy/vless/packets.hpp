// Datagrams in VLESS, as u16 length, data. All have the target of the request. Ring 4, a rule.
#pragma once

#include "proxy/base/framed_datagram.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <vector>

namespace muxpro::proxy {

/// What a peer of another make takes as one datagram.
inline constexpr std::size_t max_vless_packet = 8190;

framed_datagram read_vless_packet(const_bytes received);
/// Returns false if it cannot be sent, because it is empty or too long.
bool append_vless_packet(std::vector<std::byte>& out, const host_port& where, const_bytes payload);

}  // namespace muxpro::proxy
