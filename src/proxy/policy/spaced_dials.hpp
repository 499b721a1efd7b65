// spaced_dials: the least time between two dials. Ring 4, a rule that gets the time as an argument.
#pragma once

#include <muxpro/options.hpp>

#include <atomic>

namespace muxpro::proxy {

/// Thread-safe.
class spaced_dials {
 public:
  explicit spaced_dials(duration least) noexcept : least_(least) {}

  /// When the next dial may begin.
  time_point next() const noexcept { return time_point(duration(next_.load())); }
  bool is_free(time_point now) const noexcept { return now >= next(); }
  /// Returns whether the caller may dial now. If so, the next dial may begin `least` later.
  bool begin(time_point now) noexcept {
    duration::rep next = next_;
    while (now >= time_point(duration(next)))
      if (next_.compare_exchange_weak(next, (now + least_).time_since_epoch().count())) return true;
    return false;
  }

 private:
  const duration least_;
  std::atomic<duration::rep> next_{0};
};

}  // namespace muxpro::proxy
