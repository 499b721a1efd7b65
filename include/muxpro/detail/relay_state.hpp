// What the two directions of a relay share: limits, byte counts, the first error, the parked handler.
#pragma once

#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/loop.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/detail/transport.hpp>
#include <muxpro/error.hpp>
#include <muxpro/relay_options.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>

namespace muxpro::detail {

using relay_op = pending_op<error_code, relay_result>;

inline relay_side other_side(relay_side s) noexcept {
  return s == relay_side::a ? relay_side::b : relay_side::a;
}

class relay_state : public std::enable_shared_from_this<relay_state>, private parking {
 public:
  relay_state(asio::any_io_executor executor, const relay_options& options);
  virtual ~relay_state();

  /// The directions, of which this is the owner, are named by the side that they read. They begin inside of
  /// it.
  void start(relay_op* op, loop from_a, loop from_b);
  void cancel() { fail(relay_side::none, asio::error::operation_aborted); }

  // --- what a direction does
  const relay_options& options() const noexcept { return options_; }
  const asio::any_io_executor& executor() const noexcept { return executor_; }
  asio::cancellation_slot stop_of(relay_side from) noexcept { return stop_[from == relay_side::b].slot(); }
  bool failed() const noexcept { return static_cast<bool>(error_); }
  void active() { active_at_ = timer_->now(); }
  void written(relay_side from, std::size_t n) {
    const auto count = from == relay_side::a ? &relay_bytes::a_to_b : &relay_bytes::b_to_a;
    result_.*count += n;
    if (options_.progress) options_.progress.get()->*count += n;
    active();
  }
  void reached_eof(relay_side from);
  /// And the other side has been told.
  void passed_eof(relay_side from) { (from == relay_side::a ? all_of_a_ : all_of_b_) = true; }
  /// The first failure counts; it ends both directions.
  void fail(relay_side whose, error_code why);
  /// Whether the direction is over because of that, or of any other.
  bool stops(relay_side whose, error_code why) {
    if (why) fail(whose, why);
    return failed();
  }
  void loop_ended(std::exception_ptr failure) noexcept;

 protected:
  bool all_of(relay_side from) const noexcept { return from == relay_side::a ? all_of_a_ : all_of_b_; }
  virtual void cut(end_code code) noexcept = 0;

 private:
  struct timer_done;
  void watch();
  void timer_ended();
  time_point deadline() const noexcept;
  void context_destroyed() noexcept override;

  asio::any_io_executor executor_;
  const relay_options options_;
  std::optional<wake_up> timer_;
  time_point active_at_;
  bool eof_from_a_ = false;
  bool eof_from_b_ = false;
  bool all_of_a_ = false;
  bool all_of_b_ = false;
  int running_ = 0;
  error_code error_;
  relay_result result_;
  relay_op* op_ = nullptr;
  std::array<asio::cancellation_signal, 2> stop_;
};

}  // namespace muxpro::detail

#include <muxpro/impl/relay.hpp>
#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/relay_state.ipp>
#endif
