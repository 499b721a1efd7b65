// TLS 1.0 to 1.3, from the ClientHello. Ring 4, a rule.
#pragma once

#include "proxy/sniff/sniffer.hpp"

#include <cstddef>

namespace muxpro::proxy {

/// Records over which a ClientHello may be spread.
inline constexpr std::size_t max_hello_records = 64;
/// Extensions that are looked through for the server name (browsers send less than 30).
inline constexpr std::size_t max_hello_extensions = 256;

/// "tls", with the server name (RFC 6066 section 3) of a ClientHello that may be spread over records and be
/// of any size up to sniff_limit. Found as soon as the name is there, or the end of a hello without one.
sniff_result sniff_tls(const_bytes first);

}  // namespace muxpro::proxy
