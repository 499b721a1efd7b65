// BitTorrent over TCP (BEP 3) and over uTP (BEP 29), without a domain. Ring 4, a rule.
#pragma once

#include "proxy/sniff/sniffer.hpp"

#include <span>

namespace muxpro::proxy {

/// "bittorrent", by the first 20 bytes of the handshake.
sniff_result sniff_bittorrent(const_bytes first);

/// "bittorrent", by one SYN packet, which has 48 bits that must be zero, or, if it begins in the middle, by
/// two packets of one connection. Timestamps are compared with each other alone, because implementations take
/// them from clocks of their own.
sniff_result sniff_utp(std::span<const const_bytes> first);

}  // namespace muxpro::proxy
