// pace: limits how fast bytes may be read, by a token bucket. Ring 4, a rule.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

struct pace_limits {
  std::uint64_t free_bytes = 0;  ///< that are not limited, at the beginning
  std::uint64_t per_second = 0;  ///< 0 means no limit
  std::uint64_t burst = 0;       ///< that may come at once
};

class pace {
 public:
  explicit pace(const pace_limits& l) noexcept
      : limits_(l), free_(l.free_bytes), tokens_(static_cast<double>(std::max(l.burst, l.per_second))) {}

  /// `n` bytes were read. Returns how long the reader waits before it goes on.
  duration took(std::size_t n, time_point now) noexcept {
    const std::uint64_t unlimited = std::min<std::uint64_t>(n, free_);
    free_ -= unlimited;
    if (limits_.per_second == 0) return duration(0);
    const auto rate = static_cast<double>(limits_.per_second);
    const auto most = static_cast<double>(std::max(limits_.burst, limits_.per_second));
    if (last_ != time_point()) tokens_ += rate * std::chrono::duration<double>(now - last_).count();
    last_ = now;
    tokens_ = std::min(tokens_, most) - static_cast<double>(n - unlimited);
    if (tokens_ >= 0) return duration(0);
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>(-tokens_ / rate));
  }

 private:
  const pace_limits limits_;
  std::uint64_t free_;
  double tokens_;
  time_point last_{};
};

}  // namespace muxpro::proxy
