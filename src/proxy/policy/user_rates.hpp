// user_rates, which limits how much of something each user may have in a second. Ring 4, a rule without I/O
// and clock.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace muxpro::proxy {

/// The size of a token bucket in time, with `one` token for each event, and `most` when it is full. A burst
/// of 0 means no limit.
struct user_pace {
  /// The time in which an empty bucket is full again, at most.
  static constexpr duration longest = std::chrono::hours(24);

  user_pace() = default;
  explicit user_pace(rate_limit limit)
      : most(in_bounds(limit.burst / limit.per_second)), one(most / std::max(limit.burst, 1u)) {}

  duration most{}, one{};

 private:
  static duration in_bounds(double seconds) {
    const double limit = std::chrono::duration<double>(longest).count();
    if (!(seconds < limit)) return seconds > 0 ? longest : duration(0);
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>(seconds));
  }
};

/// A token bucket for each user. A user with a full bucket is forgotten.
class user_rates {
 public:
  static constexpr duration longest = user_pace::longest;

  explicit user_rates(rate_limit limit) : usual_(limit) {}

  /// Returns false if the user has to wait. A time that goes back counts as standing still.
  bool take(const std::string& user, time_point now) { return take(user, now, usual_); }
  /// For a user with a limit of its own.
  bool take(const std::string& user, time_point now, const user_pace& pace) {
    if (pace.one == duration(0)) return true;
    newest_ = std::max(newest_, now);
    if (newest_ >= look_at_) forget(pace);
    time_point& full = full_at_[user];
    const time_point then = std::max(full, newest_) + pace.one;
    if (then - newest_ > pace.most) return false;
    full = then;
    return true;
  }
  /// Users that are remembered.
  std::size_t size() const noexcept { return full_at_.size(); }

 private:
  void forget(const user_pace& pace) {
    std::erase_if(full_at_, [this](const auto& u) { return u.second <= newest_; });
    look_at_ = newest_ + pace.most;
  }

  const user_pace usual_;
  time_point newest_{}, look_at_{};
  std::unordered_map<std::string, time_point> full_at_;  ///< when each one's bucket will be full again
};

}  // namespace muxpro::proxy
