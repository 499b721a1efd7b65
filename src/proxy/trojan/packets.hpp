// Datagrams in Trojan, as u8 type, address, u16 port | u16 length | CR LF | data. Up the address is the
// target, down it is the sender. Ring 4, a rule.
#pragma once

#include "proxy/base/framed_datagram.hpp"
#include "proxy/socks/wire.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <vector>

namespace muxpro::proxy {

/// What a peer of another make takes as one datagram.
inline constexpr std::size_t max_trojan_packet = 8192;

framed_datagram read_trojan_packet(const_bytes received);
/// Returns false if it cannot be sent, because it is too long or its host is not valid.
bool append_trojan_packet(std::vector<std::byte>& out, const host_port& where, const_bytes payload);

}  // namespace muxpro::proxy
