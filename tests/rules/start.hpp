// Where the clocks of these tests start.
#pragma once

#include <muxpro/options.hpp>

#include <chrono>

namespace rules_test {

/// Not at zero, which is the time of what was never set.
inline constexpr muxpro::time_point start = muxpro::time_point{} + std::chrono::hours(1);

}  // namespace rules_test
