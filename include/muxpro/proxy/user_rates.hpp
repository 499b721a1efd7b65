// How much of something each user may have in a second. Ring 4, a rule: no I/O, no clock.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace muxpro::proxy {

/// A token bucket for each user; who has a full one is forgotten.
class user_rates {
 public:
  /// The time in which an empty bucket is full again.
  static constexpr duration longest = std::chrono::hours(24);

  /// A burst of 0: no limit.
  explicit user_rates(rate_limit limit)
      : most_(in_bounds(limit.burst / limit.per_second)), one_(most_ / std::max(limit.burst, 1u)) {}

  /// False: not now. A time that goes back counts as standing still.
  bool take(const std::string& user, time_point now) {
    if (one_ == duration(0)) return true;
    newest_ = std::max(newest_, now);
    if (newest_ >= look_at_) forget();
    time_point& full = full_at_[user];
    const time_point then = std::max(full, newest_) + one_;
    if (then - newest_ > most_) return false;
    full = then;
    return true;
  }
  /// Users that are remembered.
  std::size_t size() const noexcept { return full_at_.size(); }

 private:
  static duration in_bounds(double seconds) {
    const double most = std::chrono::duration<double>(longest).count();
    if (!(seconds < most)) return seconds > 0 ? longest : duration(0);
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>(seconds));
  }
  void forget() {
    std::erase_if(full_at_, [this](const auto& u) { return u.second <= newest_; });
    look_at_ = newest_ + most_;
  }

  const duration most_, one_;
  time_point newest_{}, look_at_{};
  std::unordered_map<std::string, time_point> full_at_;  ///< when each one's bucket will be full again
};

}  // namespace muxpro::proxy
