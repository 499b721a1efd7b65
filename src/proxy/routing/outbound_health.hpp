// outbound_health, health_samples: the measurements of an outbound, for leastPing and leastLoad. Ring 4, a
// rule without clock.
#pragma once

#include <muxpro/options.hpp>

#include <cstddef>
#include <deque>
#include <optional>

namespace muxpro::proxy {

/// Times are those from a request to its answer.
struct outbound_health {
  duration last{}, average{}, deviation{};
  std::size_t all = 0, failed = 0;  ///< measurements
};

/// The last measurements of one outbound.
class health_samples {
 public:
  /// `most` is how many are kept, at least 1.
  explicit health_samples(std::size_t most) : most_(most) {}

  /// Adds a measurement. Without a value there was no answer.
  void add(std::optional<duration> took);
  bool is_measured() const noexcept { return !samples_.empty(); }
  /// Whether the last one has had an answer.
  bool is_alive() const { return is_measured() && samples_.back(); }
  /// Returns nothing if the outbound is not alive. With one time the deviation is half of it, so that
  /// outbounds that have been measured more often do not come behind it. If only one is kept, it is that
  /// time.
  std::optional<outbound_health> health() const;

 private:
  std::size_t most_;
  std::deque<std::optional<duration>> samples_;
};

}  // namespace muxpro::proxy
