// token_bucket: limits how often an unusual event may happen. Ring 1.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <cstdint>

namespace muxpro::detail {

/// Is full at the start and refills with time, up to its burst.
class token_bucket {
 public:
  explicit token_bucket(rate_limit limit) noexcept : limit_(limit), tokens_(limit.burst) {}

  /// Returns false and takes no tokens if fewer than `weight` are left.
  bool take(time_point now, double weight = 1) noexcept {
    if (last_ != never && now > last_) {
      const double seconds = std::chrono::duration<double>(now - last_).count();
      tokens_ = std::min<double>(limit_.burst, tokens_ + seconds * limit_.per_second);
    }
    last_ = std::max(last_, now);
    if (tokens_ < weight) return false;
    tokens_ -= weight;
    return true;
  }

 private:
  static constexpr time_point never = time_point::min();
  rate_limit limit_;
  double tokens_;
  time_point last_ = never;
};

}  // namespace muxpro::detail
