// HTTP/1.0 and 1.1 (RFC 9112), from the head of the first request. Ring 4, a rule.
#pragma once

#include "proxy/sniff/sniffer.hpp"

#include <cstddef>

namespace muxpro::proxy {

/// Bytes and header lines of a head. Bytes beyond are ignored (nginx: 8 KiB). A head with more lines is not
/// recognized.
inline constexpr std::size_t max_http_head = 8192;
inline constexpr std::size_t max_http_lines = 256;

/// Empty lines before the request are skipped. "http1", with the host of its one Host header, which is
/// required. The attributes are ":method" in upper case,
/// ":path" as it was sent, and all headers, those of one name joined by ", ".
sniff_result sniff_http1(const_bytes first);

}  // namespace muxpro::proxy
