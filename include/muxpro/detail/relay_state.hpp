// relay_state, which the two directions of a relay share. Holds limits, byte counts, the first error and the
// parked handler.
#pragma once

#include <muxpro/detail/byte_stream.hpp>
#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/loop.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/detail/relay_beginning.hpp>
#include <muxpro/detail/stream_end.hpp>
#include <muxpro/error.hpp>
#include <muxpro/relay_options.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace muxpro::detail {

using relay_op = pending_op<error_code, relay_result>;

inline relay_side other_side(relay_side s) noexcept {
  return s == relay_side::a ? relay_side::b : relay_side::a;
}

/// The first failure is the relay's error. A failure ends its direction alone. If a write fails, what still
/// comes from the other side is read and dropped, and the direction from the side that failed goes on to its
/// end. If a read fails, the other side is reset, once what was written to it has arrived.
class relay_state : public std::enable_shared_from_this<relay_state>, private shutdown_participant {
 public:
  relay_state(asio::any_io_executor executor, const relay_options& options);
  virtual ~relay_state();

  /// The directions, of which this is the owner, are named by the side that they read. They begin inside of
  /// it.
  void start(relay_op* op, loop from_a, loop from_b);
  void cancel() { fail(asio::error::operation_aborted); }

  // --- what a direction does
  /// See relay_options::buffer.
  std::size_t buffer_size() const noexcept { return buffer_; }
  const asio::any_io_executor& executor() const noexcept { return executor_; }
  asio::cancellation_slot stop_of(relay_side from) noexcept { return of(from).stop.slot(); }
  /// Returns null if the direction begins with a read.
  static std::unique_ptr<relay_beginning> take_beginning(relay_options& o, relay_side from);
  /// A direction goes on as another loop, so that what it needed before is in memory no more.
  void go_on(loop as) {
    ++running_;
    std::move(as).first()();
  }
  void active() { active_at_ = timer_->now(); }
  void written(relay_side from, std::size_t n) {
    const auto count = from == relay_side::a ? &relay_bytes::a_to_b : &relay_bytes::b_to_a;
    result_.*count += n;
    if (progress_) progress_.get()->*count += n;
    active();
  }
  /// Called after each read and each write of the direction. Returns whether it is over.
  bool ends_reading(relay_side from, error_code why) {
    if (why) read_failed(from, why);
    return why || stopped_;
  }
  bool ends_writing(relay_side from, error_code why) {
    if (why) write_failed(from, why);
    return why || stopped_;
  }
  /// The error that EOF of a side stands for, if its EOF may be the rest of a reset.
  error_code meaning_of_eof(relay_side from) const noexcept;
  void reached_eof(relay_side from);
  /// EOF was passed to the other side.
  void passed_eof(relay_side from);
  /// The side whose bytes are dropped has ended.
  bool ends_dropping(relay_side from, error_code why);
  void loop_ended(std::exception_ptr failure) noexcept;

 protected:
  virtual void end(relay_side s, stream_ending how, end_code code) noexcept = 0;
  virtual std::size_t undelivered(relay_side s) noexcept = 0;
  /// Whether a side must be read to its end, or else its kernel discards what it has not delivered.
  virtual bool lingers(relay_side s) const noexcept = 0;
  virtual loop dropping(relay_side from) = 0;

 private:
  struct timer_done;
  struct direction {
    bool eof = false;         ///< of the side that it reads, every byte before it is written
    bool passed = false;      ///< and EOF was passed to the other side
    bool broken = false;      ///< the other side takes no more, so what comes is dropped
    bool ended = false;       ///< the same, and no more bytes come
    bool distrusted = false;  ///< EOF of the side that it reads may be the rest of a reset
    asio::cancellation_signal stop;
    bool finished() const noexcept { return passed || broken; }
    bool speaks() const noexcept { return !eof && !broken; }
  };
  direction& of(relay_side from) noexcept { return directions_[from == relay_side::b]; }
  const direction& of(relay_side from) const noexcept { return directions_[from == relay_side::b]; }

  void fail(error_code why);
  void read_failed(relay_side from, error_code why);
  void write_failed(relay_side from, error_code why);
  void note(relay_side whose, error_code why) noexcept;
  void complete_if_ended();
  void linger(relay_side s);
  void end_both(stream_ending how);
  void complete_if_done();
  void start_dropping(relay_side s);

  duration limit() const noexcept;
  void changed();
  void watch(time_point now);
  void look(time_point now) noexcept;
  void timer_ended();
  void context_destroyed() noexcept override;

  asio::any_io_executor executor_;
  const relay_limits limits_;
  const std::size_t buffer_;
  const std::shared_ptr<relay_bytes> progress_;
  std::optional<context_timer> timer_;
  time_point active_at_;
  std::array<direction, 2> directions_;
  bool stopped_ = false;    ///< both sides were ended, operations are on their way back
  bool resetting_ = false;  ///< a side is reset when it has got what was written to it
  bool lingering_ = false;  ///< only the end of a side is waited for
  int running_ = 0;
  duration poll_{};                           ///< while resetting_
  time_point looked_at_ = time_point::min();  ///< when the next two were found
  std::size_t left_ = 0;                      ///< bytes that kernels have not delivered
  std::int64_t delivered_ = 0;
  error_code error_;
  end_code code_ = end_code::remote_disconnect;  ///< that goes with it
  relay_result result_;
  relay_op* op_ = nullptr;
};

}  // namespace muxpro::detail

#include <muxpro/impl/relay.hpp>
#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/relay_state.ipp>
#endif
