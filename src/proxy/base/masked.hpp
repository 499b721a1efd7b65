// Addresses in lines of a log, without a part of them. Ring 4, a rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// How much of an address is shown (the names are Xray's). `none` does not mask it.
enum class address_mask : std::uint8_t { full, quarter, half, three_quarters, none };

/// `text` with each IP address in it masked: "192.168.*.*", "2001:db8:*".
std::string masked(std::string_view text, address_mask m);

}  // namespace muxpro::proxy
