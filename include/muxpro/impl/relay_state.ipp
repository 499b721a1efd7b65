#pragma once

#include <muxpro/detail/failure.hpp>
#include <muxpro/detail/relay_state.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::detail {

MUXPRO_DECL relay_state::relay_state(asio::any_io_executor executor, const relay_options& options)
    : executor_(std::move(executor)),
      limits_(options),
      buffer_(options.buffer),
      progress_(options.progress),
      timer_(std::in_place, executor_),
      active_at_(timer_->now()) {
  register_with(executor_);
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
  watch(active_at_);
  std::move(from_a).first()();
  if (stopped_)
    loop_ended({});  // the signal to stop came too early for the other one
  else
    std::move(from_b).first()();
}

// Called where exceptions are not allowed. Without memory for the handler's call the handler is lost, and
// what waits for it with it. The other relays go on.
MUXPRO_DECL void relay_state::loop_ended(std::exception_ptr failure) noexcept {
  try {
    if (failure) fail(error_of_failure(failure));
  } catch (...) {
  }
  --running_;
  try {
    complete_if_done();
  } catch (...) {
  }
}

MUXPRO_DECL void relay_state::complete_if_done() {
  const bool clean = directions_[0].passed && directions_[1].passed;
  if (running_ > 0 || !op_ || !(stopped_ || clean)) return;
  timer_->cancel();
  std::exchange(op_, nullptr)->complete(error_, result_);
}

// --- the ends of a direction

MUXPRO_DECL std::unique_ptr<relay_beginning> relay_state::take_beginning(relay_options& o, relay_side from) {
  const bool of_b = from == relay_side::b;
  std::vector<std::byte> early = std::move(of_b ? o.early_of_b : o.early_of_a);
  head_reader head;
  if (of_b) head = std::move(o.head_of_b);
  const bool waits = of_b && o.early_of_b_waits && !early.empty();
  if (early.empty() && !head) return nullptr;
  return std::make_unique<relay_beginning>(std::move(early), waits, std::move(head), o.buffer);
}

MUXPRO_DECL error_code relay_state::meaning_of_eof(relay_side from) const noexcept {
  return of(from).distrusted ? error_code(asio::error::connection_reset) : error_code();
}

MUXPRO_DECL void relay_state::reached_eof(relay_side from) {
  of(from).eof = true;
  if (of(other_side(from)).eof)
    active();  // what is left is to pass it on
  else
    changed();
}

MUXPRO_DECL void relay_state::passed_eof(relay_side from) {
  if (stopped_) return;
  of(from).passed = true;
  complete_if_ended();
}

MUXPRO_DECL void relay_state::note(relay_side whose, error_code why) noexcept {
  if (error_) return;
  error_ = why;
  result_.failed = whose;
  if (why == asio::error::timed_out && whose == relay_side::none) code_ = end_code::timeout;
  if (why.category() == end_category()) code_ = static_cast<end_code>(why.value());
}

namespace relay_detail {
/// Returns whether the caller has closed the stream or cancelled its operations.
inline bool by_caller(error_code why) noexcept {
  return why == asio::error::operation_aborted || why == asio::error::bad_descriptor;
}
/// The peer of a sub-stream has dropped what was on its way, so the relay does not wait. With
/// remote_disconnect the far connection was lost, and the bytes before that count.
inline bool is_abort(error_code why) noexcept {
  return why.category() == end_category() && why != end_code::remote_disconnect;
}
}  // namespace relay_detail

MUXPRO_DECL void relay_state::fail(error_code why) {
  if (stopped_ || !op_) return;
  note(relay_side::none, why);
  end_both(stream_ending::cut);
}

// The side has no use any more. The other one may have to receive much before its reset.
MUXPRO_DECL void relay_state::read_failed(relay_side from, error_code why) {
  if (stopped_) return;
  const relay_side other = other_side(from);
  note(from, why);
  if (resetting_ || of(from).broken || relay_detail::by_caller(why)) return end_both(stream_ending::cut);
  if (relay_detail::is_abort(why) || !lingers(other) || undelivered(other) == 0)
    return end_both(stream_ending::reset);
  resetting_ = true;
  poll_ = std::chrono::milliseconds(1);
  end(from, stream_ending::cut, code_);
  changed();
}

MUXPRO_DECL void relay_state::write_failed(relay_side from, error_code why) {
  if (stopped_) return;
  const relay_side to = other_side(from);
  note(to, why);
  if (!resetting_ && relay_detail::by_caller(why)) return end_both(stream_ending::cut);
  of(from).broken = true;
  // With broken_pipe, the peer has sent EOF before. Any other error may have been that of its reset, reported
  // once.
  of(to).distrusted = why != asio::error::broken_pipe;
  start_dropping(from);
  changed();
  complete_if_ended();
}

MUXPRO_DECL bool relay_state::ends_dropping(relay_side from, error_code why) {
  if (!why) return stopped_;
  if (why == asio::error::eof) why = meaning_of_eof(from);
  if (why) return read_failed(from, why), true;
  of(from).ended = true;
  complete_if_ended();
  return true;
}

MUXPRO_DECL void relay_state::start_dropping(relay_side s) { go_on(dropping(s)); }

// With EOF on both sides no more is to be done.
MUXPRO_DECL void relay_state::complete_if_ended() {
  const auto& [from_a, from_b] = directions_;
  if (stopped_ || resetting_ || !from_a.finished() || !from_b.finished()) return;
  if (from_a.broken && from_b.broken) return end_both(stream_ending::cut);
  if (from_a.broken) linger(relay_side::a);
  if (from_b.broken) linger(relay_side::b);
}

// It has got EOF. What it has not received yet would be lost if it were closed before its own.
MUXPRO_DECL void relay_state::linger(relay_side s) {
  if (of(s).ended || !lingers(s) || relay_detail::is_abort(error_)) return end_both(stream_ending::cut);
  lingering_ = true;
  end(other_side(s), stream_ending::cut, code_);
  changed();
}

MUXPRO_DECL void relay_state::end_both(stream_ending how) {
  const auto self = shared_from_this();
  stopped_ = true;
  timer_->cancel();
  const bool aborted = relay_detail::is_abort(error_);
  for (const relay_side s : {relay_side::a, relay_side::b})
    end(s, of(other_side(s)).passed && !aborted ? stream_ending::close : how, code_);
  for (direction& d : directions_) d.stop.emit(asio::cancellation_type::terminal);
  complete_if_done();
}

// --- the limits

MUXPRO_DECL duration relay_state::limit() const noexcept {
  duration limit = limits_.idle;
  if (!of(relay_side::a).speaks()) limit = std::min(limit, limits_.downlink_only);
  if (!of(relay_side::b).speaks()) limit = std::min(limit, limits_.uplink_only);
  return lingering_ || resetting_ ? std::min(limit, limits_.linger) : limit;
}

/// Another limit holds from now on.
MUXPRO_DECL void relay_state::changed() {
  active();
  timer_->cancel();
}

// One wait at a time. It ends early when the limit gets shorter, and half way, because what kernels have
// delivered since then is traffic as well.
MUXPRO_DECL void relay_state::watch(time_point now) {
  constexpr duration longest_poll = std::chrono::milliseconds(100);
  const duration most = limit();
  time_point when = active_at_ + (looked_at_ >= active_at_ ? most : most / 2);
  if (when <= now) when = now + most / 2;
  if (resetting_) when = now + std::exchange(poll_, std::min(2 * poll_, longest_poll));
  timer_->async_wait_until(when, timer_done{shared_from_this()});
}

MUXPRO_DECL void relay_state::look(time_point now) noexcept {
  left_ = undelivered(relay_side::a) + undelivered(relay_side::b);
  const auto delivered = static_cast<std::int64_t>(result_.a_to_b + result_.b_to_a - left_);
  if (looked_at_ >= active_at_ && delivered > delivered_) active_at_ = now;
  looked_at_ = now;
  delivered_ = delivered;
}

MUXPRO_DECL void relay_state::timer_ended() {
  if (stopped_ || !op_) return;
  const time_point now = timer_->now();
  if (resetting_ || now - active_at_ >= limit() / 2) look(now);
  if (resetting_ && left_ == 0) return end_both(stream_ending::reset);
  if (now - active_at_ < (left_ > 0 && !resetting_ ? limits_.idle : limit())) return watch(now);
  fail(asio::error::timed_out);
}

MUXPRO_DECL void relay_state::context_destroyed() noexcept {
  const auto self = shared_from_this();
  running_ = 0;
  stopped_ = true;
  executor_ = {};
  timer_.reset();
  if (op_) std::exchange(op_, nullptr)->drop();
}

}  // namespace muxpro::detail
