// reuse_state: how often and how long a connection that carries many others is used. Ring 4, a rule that gets
// the time as an argument.
#pragma once

#include "proxy/base/number_range.hpp"

#include <muxpro/options.hpp>

#include <chrono>
#include <cstdint>

namespace muxpro::proxy {

/// Each connection draws its own limits from these. 0 means no limit.
struct reuse_limits {
  number_range connections{};  ///< so many are made before one is used again
  number_range concurrency{};  ///< uses at a time
  number_range uses{};         ///< in its life
  number_range requests{};     ///< in its life, a use may take several
  number_range seconds{};      ///< behind them it gets no new use
  duration dial_spacing{0};    ///< least time between the beginnings of two dials

  friend bool operator==(const reuse_limits&, const reuse_limits&) = default;
};

/// Of one connection.
class reuse_state {
 public:
  /// `draw` returns a number of a range.
  template <class Draw>
  reuse_state(const reuse_limits& l, time_point now, Draw draw)
      : most_at_a_time_(draw(l.concurrency)),
        most_uses_(draw(l.uses)),
        most_requests_(draw(l.requests)),
        until_(l.seconds.most > 0 ? now + std::chrono::seconds(draw(l.seconds)) : time_point::max()) {}

  /// It takes no further use.
  bool is_spent(time_point now) const noexcept {
    return (most_uses_ > 0 && uses_ >= most_uses_) || !takes_requests(now);
  }
  /// A use may go on with a further request.
  bool takes_requests(time_point now) const noexcept {
    return (most_requests_ == 0 || requests_ < most_requests_) && now < until_;
  }
  bool is_full() const noexcept { return most_at_a_time_ > 0 && running_ >= most_at_a_time_; }
  bool is_used() const noexcept { return running_ > 0; }
  void begin() noexcept { ++running_, ++uses_; }
  void end() noexcept { --running_; }
  void count_request() noexcept { ++requests_; }

 private:
  const std::uint32_t most_at_a_time_, most_uses_, most_requests_;
  const time_point until_;
  std::uint32_t running_ = 0, uses_ = 0, requests_ = 0;
};

}  // namespace muxpro::proxy
