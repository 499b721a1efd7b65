// A timer for reports at the ends of bursts. Ring 4.
#pragma once

#include <muxpro/options.hpp>

#include <asio/any_io_executor.hpp>

#include <functional>
#include <memory>

namespace muxpro::proxy {

/// There is a timer only while a burst lasts. Thread-safe.
class burst_timer {
 public:
  /// Reports what has ended and returns when to report again, or time_point::max() if everything was
  /// reported.
  using report = std::function<time_point()>;

  explicit burst_timer(report r);
  burst_timer(const burst_timer&) = delete;
  /// As stop().
  ~burst_timer();

  /// Reports are made there, until stop(). Without an executor the timer makes no reports.
  void run_on(asio::any_io_executor executor);
  /// Something is to be reported.
  void arm() noexcept;
  /// Waits for a report under way. No report is made and the executor is not used after it.
  void stop() noexcept;

 private:
  struct state;
  const std::shared_ptr<state> state_;
};

}  // namespace muxpro::proxy
