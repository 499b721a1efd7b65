// server_health, which decides by the outcome of attempts whether a server can be used. Ring 4, a rule
// without I/O and clock.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace muxpro::proxy {

/// A server is failing from the first attempt that fails until one succeeds. Without probes it is failing for
/// `memory` at most, because a server that is left has no attempts.
class server_health {
 public:
  static constexpr duration memory = std::chrono::seconds(10);
  /// The pause between two probes of a server that goes on failing. It is doubled from `shortest` to
  /// `longest`, and up to half as much longer by chance, so that the clients of a server do not return at one
  /// moment.
  static constexpr duration shortest = std::chrono::seconds(1), longest = std::chrono::seconds(16);
  /// An attempt that was given up after this time counts as failed, because it takes longer than to a server
  /// that works.
  static constexpr duration slow = std::chrono::seconds(3);

  explicit server_health(std::uint64_t seed) : random_(static_cast<std::minstd_rand::result_type>(seed)) {}

  void succeeded() noexcept { failing_ = false; }
  void failed(time_point now) noexcept {
    if (!failing_) spacing_ = shortest;
    failing_ = true;
    last_failure_ = now;
  }
  /// The attempt that began at `began` has no outcome, since its client has gone.
  void given_up(time_point began, time_point now) noexcept {
    if (now - began >= slow) failed(now);
  }
  /// If `probed` is true, probes go on until one succeeds.
  bool failing(time_point now, bool probed) const noexcept {
    return failing_ && (probed || now - last_failure_ < memory);
  }
  /// How long to wait before the next probe.
  duration next_probe() {
    std::uniform_real_distribution<double> more(1, 1.5);
    const auto wait = std::chrono::duration_cast<duration>(spacing_ * more(random_));
    spacing_ = std::min(2 * spacing_, longest);
    return wait;
  }

 private:
  std::minstd_rand random_;
  bool failing_ = false;
  time_point last_failure_ = time_point::min();
  duration spacing_ = shortest;
};

}  // namespace muxpro::proxy
