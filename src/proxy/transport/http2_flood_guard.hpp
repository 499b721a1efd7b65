// http2_flood_guard, which counts the frames of a peer that move no bytes. Ring 4, a rule that gets the time
// as an argument.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <chrono>

namespace muxpro::proxy {

/// PING, SETTINGS, PRIORITY, RST_STREAM, empty DATA and frames of unknown types cost one. The frames that
/// move bytes pay for them, because gRPC sends a PING for each round trip of a busy connection. A
/// WINDOW_UPDATE has no answer and costs a part of that, because Go's client sends one for each read of a few
/// bytes. A silent connection has what it may have at once, which is more than any client needs, and so many
/// in a second.
class http2_flood_guard {
 public:
  static constexpr double most = 2000, per_second = 100, per_data = 4, window_update = 1.0 / 16;

  void data() noexcept { left_ = std::min(most, left_ + per_data); }
  /// Returns false if that is a flood.
  bool control(time_point now, double cost = 1) noexcept {
    const std::chrono::duration<double> past = now - since_;
    if (since_ != time_point()) left_ = std::min(most, left_ + past.count() * per_second);
    since_ = now;
    left_ -= cost;
    return left_ >= 0;
  }

 private:
  double left_ = most;
  time_point since_{};
};

}  // namespace muxpro::proxy
