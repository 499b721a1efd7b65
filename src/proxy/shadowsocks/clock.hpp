// The wall clock of peers (SIP022 section 3.1.3). Ring 4, a rule without clock.
#pragma once

#include "proxy/base/unix_time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace muxpro::proxy {

/// How far the clocks of a client and a server may differ.
inline constexpr std::chrono::seconds clock_tolerance{30};
/// Returns how far the clock of a peer is ahead that has sent this time, in seconds since 1970. Returns
/// nothing if it is not too far.
std::optional<std::chrono::seconds> clock_offset(std::uint64_t sent, unix_time now);
/// Returns a sentence about that. Empty if it is not too far.
std::string clock_mistake(std::uint64_t sent, unix_time now);
/// Returns the same as an error. No error if it is not too far.
std::error_code clock_error(std::uint64_t sent, unix_time now);

}  // namespace muxpro::proxy
