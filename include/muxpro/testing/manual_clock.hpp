// manual_clock, a time that stands still until a test moves it. Time-outs of hours are tested in
// microseconds.
#pragma once

#include <muxpro/detail/context_service.hpp>

#include <asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

namespace muxpro::testing {

using duration = detail::clock::duration;
using time_point = detail::clock::time_point;

/// Replaces the clock of everything of muxpro on one context, for the rest of its life.
/// Make it before anything waits, and use it where the context runs, because it is not thread-safe.
class manual_clock {
 public:
  /// A context that makes more handlers than `most_handlers` ready without any time passing will not come to
  /// rest: running it then throws.
  explicit manual_clock(asio::execution_context& context, std::size_t most_handlers = 10'000'000)
      : service_(&asio::use_service<detail::context_service>(context)), most_handlers_(most_handlers) {
    service_->make_manual();
  }

  time_point now() const { return service_->now(); }
  /// Waits that end by then complete when the context runs next.
  void advance(duration by) { service_->advance(by); }
  /// The earliest time that a timer waits for, or time_point::max().
  time_point next_expiry() const { return service_->next_expiry(); }

  /// Runs until no handler is ready and no timer waits for a time up to now() + `at_most`, jumping from
  /// one timer to the next. Returns how much time has passed.
  duration run_until_idle(asio::io_context& context, duration at_most = std::chrono::hours(1)) {
    const time_point begin = now();
    const time_point limit = begin + at_most;
    for (;;) {
      run_ready(context);
      const time_point next = next_expiry();
      if (next > limit) return now() - begin;
      advance(next - now());
    }
  }

  /// As run_until_idle(), but `by` has passed in any case.
  void run_for(asio::io_context& context, duration by) {
    const duration passed = run_until_idle(context, by);
    advance(by - passed);
    run_ready(context);
  }

 private:
  void run_ready(asio::io_context& context) const {
    context.restart();
    for (std::size_t n = 0; context.poll_one() != 0; ++n) {
      if (n == most_handlers_) throw std::runtime_error("the context does not come to rest");
    }
  }

  detail::context_service* service_;
  std::size_t most_handlers_;
};

}  // namespace muxpro::testing
