// QUIC versions 1 (RFC 9000) and 2 (RFC 9369), from the client's Initial packets. Ring 4, a rule.
#pragma once

#include "proxy/sniff/sniffer.hpp"

#include <cstddef>
#include <span>

namespace muxpro::proxy {

/// Initial packets that are decrypted in one call.
inline constexpr std::size_t max_quic_packets = 64;

/// "quic", with the server name of the ClientHello in the CRYPTO frames of all Initial packets, in whatever
/// order and pieces they come. The first Initial packet must authenticate itself. Others that do not are
/// passed over.
sniff_result sniff_quic(std::span<const const_bytes> first);

}  // namespace muxpro::proxy
