#pragma once

#include <muxpro/detail/failure.hpp>
#include <muxpro/detail/relay_state.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::detail {

MUXPRO_DECL relay_state::relay_state(asio::any_io_executor executor, const relay_options& options)
    : executor_(std::move(executor)),
      options_(options),
      timer_(std::in_place, executor_),
      active_at_(timer_->now()) {
  enter(executor_);
}

MUXPRO_DECL relay_state::~relay_state() {
  if (op_) op_->drop();
}

struct relay_state::timer_done {
  std::shared_ptr<relay_state> self;
  void operator()(error_code) const { self->timer_ended(); }
};

MUXPRO_DECL void relay_state::start(relay_op* op, loop from_a, loop from_b) {
  op_ = op;
  running_ = 2;
  watch();
  std::move(from_a).first()();
  if (failed())
    loop_ended({});  // the signal to stop came too early for the other one
  else
    std::move(from_b).first()();
}

// Called where nothing may be thrown. Without memory for the handler's call the handler is lost, and what waits
// for it with it; the other relays go on.
MUXPRO_DECL void relay_state::loop_ended(std::exception_ptr failure) noexcept {
  try {
    if (failure) fail(relay_side::none, error_of_failure(failure));
  } catch (...) {
  }
  if (--running_ > 0) return;
  try {
    timer_->cancel();
    std::exchange(op_, nullptr)->complete(error_, result_);
  } catch (...) {
  }
}

MUXPRO_DECL void relay_state::reached_eof(relay_side from) {
  (from == relay_side::a ? eof_from_a_ : eof_from_b_) = true;
  active();
  // To be set for the shorter limit. With EOF on both sides what is left is to pass the second one on.
  if (!(eof_from_a_ && eof_from_b_)) timer_->cancel();
}

MUXPRO_DECL void relay_state::fail(relay_side whose, error_code why) {
  if (error_ || running_ == 0) return;
  const auto self = shared_from_this();
  error_ = why;
  result_.failed = whose;
  end_code code = end_code::remote_disconnect;
  if (why == asio::error::timed_out && whose == relay_side::none) code = end_code::timeout;
  if (why.category() == end_category()) code = static_cast<end_code>(why.value());
  cut(code);
  for (auto& stop : stop_) stop.emit(asio::cancellation_type::terminal);
}

// --- the limits

MUXPRO_DECL time_point relay_state::deadline() const noexcept {
  duration limit = options_.idle;
  if (eof_from_a_) limit = std::min(limit, options_.downlink_only);
  if (eof_from_b_) limit = std::min(limit, options_.uplink_only);
  return active_at_ + limit;
}

// One wait at a time: it ends early when the deadline moves closer, and looks at the clock.
MUXPRO_DECL void relay_state::watch() {
  const time_point when = deadline();
  timer_->async_wait_until(when, timer_done{shared_from_this()});
}

MUXPRO_DECL void relay_state::timer_ended() {
  if (running_ == 0 || error_) return;
  if (timer_->now() < deadline()) return watch();
  fail(relay_side::none, asio::error::timed_out);
}

MUXPRO_DECL void relay_state::context_destroyed() noexcept {
  const auto self = shared_from_this();
  running_ = 0;
  executor_ = {};
  timer_.reset();
  if (op_) std::exchange(op_, nullptr)->drop();
}

}  // namespace muxpro::detail
