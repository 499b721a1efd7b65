// Host names as sniffers, rules and FakeDNS compare them. Ring 4, a rule without I/O.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// Longest domain name as text: 255 octets on the wire (RFC 1035 section 2.3.4).
inline constexpr std::size_t max_host_name = 253;
/// Longest label (RFC 1035 section 2.3.4).
inline constexpr std::size_t max_label = 63;

/// Returns one spelling for each host, which is a domain name in lower case without its trailing dot, or an
/// IP address as address::to_string() spells it, also if it came in brackets. Returns nothing for any other
/// text. A name holds letters, digits, '-' and '_' in labels of 1 to 63, 253 in all. Its last label must not
/// be a number, because some resolvers take "127.1" and "0x7f.1" for addresses (WHATWG URL, "ends in a
/// number").
std::optional<std::string> canonical_host(std::string_view text);

}  // namespace muxpro::proxy
