// Writes the good path once and replays it failing at every step. A scenario is any callable that makes its
// streams faulty_streams of the fault it is given, runs to its end and checks what must hold whatever fails.
#pragma once

#include <muxpro/testing/faulty_stream.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

namespace muxpro::testing {

/// More runs than this mean that a scenario never runs through.
inline constexpr std::size_t most_replays = 100'000;

namespace each_failure_detail {

template <class Scenario, class Arm>
std::size_t replay(Scenario& scenario, Arm arm, std::size_t most) {
  for (std::size_t n = 0; n != most; ++n) {
    auto faults = std::make_shared<fault>();
    arm(faults->options, n);
    scenario(faults);
    if (!faults->fired()) return n;
  }
  throw std::runtime_error("still failing after " + std::to_string(most) + " replays");
}

}  // namespace each_failure_detail

/// Calls `scenario(std::shared_ptr<fault>)` with a read or write failing at step 0, 1, 2, ... until it runs
/// through without. Returns the number of steps.
template <class Scenario>
std::size_t each_failure(Scenario scenario, error_code error = asio::error::connection_reset,
                         std::size_t most = most_replays) {
  const auto arm = [error](fault_options& options, std::size_t n) {
    options.fail_at = n;
    options.error = error;
  };
  return each_failure_detail::replay(scenario, arm, most);
}

/// The same with eof after each byte that is read. Returns the number of bytes.
template <class Scenario>
std::size_t each_eof(Scenario scenario, std::size_t most = most_replays) {
  const auto arm = [](fault_options& options, std::size_t n) { options.read.end_after = n; };
  return each_failure_detail::replay(scenario, arm, most);
}

/// The same with a failure after each byte that is written. Returns the number of bytes.
template <class Scenario>
std::size_t each_cut(Scenario scenario, error_code error = asio::error::broken_pipe,
                     std::size_t most = most_replays) {
  const auto arm = [error](fault_options& options, std::size_t n) {
    options.write.end_after = n;
    options.error = error;
  };
  return each_failure_detail::replay(scenario, arm, most);
}

}  // namespace muxpro::testing
