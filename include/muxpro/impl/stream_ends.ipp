// stream_state: the end of a sub-stream by this side, by the peer, or with its session.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/detail/stream_state.hpp>

#include <new>
#include <utility>

namespace muxpro::detail {

MUXPRO_DECL bool stream_state::shutdown_now(error_code& ec) {
  if (fate_) return ec = fate_, true;
  if (local_ended || closing_) return true;
  if (finishing_) return ec = errc::operation_in_progress, true;
  torn_ = false;
  if (unsent()) finishing_ = true;
  // What was taken over goes before the End without further operations.
  if (finishing_) return closing_ = only_taken_over();
  send_end();
  return true;
}

MUXPRO_DECL bool stream_state::only_taken_over() const noexcept {
  return net == network::tcp && !writer_ && !may_continue() && !staged_.empty();
}

// A write whose handler has not been called may be a part of a composed one.
MUXPRO_DECL bool stream_state::unsent() const noexcept {
  return writer_ || completing_ > 0 || !staged_.empty() || (datagrams && datagrams->front_paid);
}

MUXPRO_DECL void stream_state::cancel_shutdown(shutdown_op* op) {
  if (shutting_down_ != op) return;
  shutting_down_ = nullptr;
  finishing_ = false;
  op->complete(asio::error::operation_aborted);
}

MUXPRO_DECL void stream_state::end_if_finishing() {
  if (!end_due()) {
    if (!shutting_down_ || !only_taken_over()) return;
    closing_ = true;
    return std::exchange(shutting_down_, nullptr)->complete({});
  }
  finishing_ = false;
  if (fate_ && closing_ && torn_) return end_torn();
  if (!fate_ || closing_) send_end();
  if (fate_ && end_held) session_->rules().send_held_end(*this);
  if (shutting_down_) std::exchange(shutting_down_, nullptr)->complete(fate_);
}

// close() came between two writes of a composed one.
MUXPRO_DECL void stream_state::end_torn() {
  const ref self(*this);
  closing_ = false;
  session_->rules().abort(*this, end_code::remote_disconnect);
  session_->wake_writer();
  release_if_ended();
}

MUXPRO_DECL bool stream_state::cut_now(error_code& ec) const {
  if (fate_) return ec = fate_, true;
  if (finished()) return ec = asio::error::eof, true;
  if (reset_waiter_) return ec = errc::operation_in_progress, true;
  return false;
}

MUXPRO_DECL void stream_state::cancel_wait_reset(wait_reset_op* op) {
  if (reset_waiter_ != op) return;
  reset_waiter_ = nullptr;
  op->complete(asio::error::operation_aborted);
}

MUXPRO_DECL void stream_state::send_end() {
  if (datagrams && !datagrams->out.empty()) {
    session_->queue().remove_data(*this);
    drop_unsent();
  }
  session_->rules().finish(*this);
  if (!remote_ended) session_->watch(now() + session_->options().half_close_linger);
  session_->wake_writer();
  release_if_ended();
}

MUXPRO_DECL void stream_state::reset(end_code code) {
  if (fate_ || finished()) return;
  if (code == end_code::graceful) code = end_code::remote_disconnect;  // a cut is no clean end
  torn_ = true;  // even if there is no memory for the code
  // A half-closed sub-stream has sent its only End. It stays, and discards, until the peer's.
  const bool can_tell = (!local_ended && !closing_) || end_held;
  if (can_tell) drop_staged(), session_->rules().abort(*this, code);
  session_->wake_writer();
  fail(errc::stream_reset, true);
  release_if_ended();
}

MUXPRO_DECL void stream_state::close() {
  const ref self(*this);
  // A write that is cut short must not look like a clean end.
  if (writer_ || torn_) reset(end_code::remote_disconnect);
  discard();
  if (reader_) std::exchange(reader_, nullptr)->complete(asio::error::operation_aborted, 0);
  if (datagrams && datagrams->receiver)
    std::exchange(datagrams->receiver, nullptr)->complete(asio::error::operation_aborted, 0);
  if (reset_waiter_) cancel_wait_reset(reset_waiter_);
  if (fate_) return;
  // Its End is under way, so the shutdown need not wait for what goes before it.
  if (shutting_down_) std::exchange(shutting_down_, nullptr)->complete({});
  fate_ = asio::error::bad_descriptor;
  closing_ = finishing_ = !local_ended && unsent();
  if (!finishing_ && !local_ended) send_end();
  if (!finishing_ && end_held) session_->rules().send_held_end(*this);
  session_->wake_writer();
}

// Without memory even for a frame or a wake-up, the peer learns of it when stream_idle ends what is left.
MUXPRO_DECL void stream_state::abandon(stream_state* handle) noexcept {
  const auto s = ref<stream_state>::adopt(handle);
  if (s->discarding_ && s->fate_) return;  // close() was called
  try {
    s->close();
  } catch (const std::bad_alloc&) {
    s->discarding_ = true;
  }
}

// What this side has finished gets the peer's End. What it has not finished is reset, because a cut is no
// clean end.
MUXPRO_DECL void stream_state::cut_off(error_code why) {
  const ref self(*this);
  if (fate_ || local_ended || closing_) return;
  drop_staged();
  session_->rules().abort(*this, end_code::remote_disconnect);
  fail(why, false);
  release_if_ended();
}

MUXPRO_DECL void stream_state::peer_ended() {
  flush_reader();
  if (reader_) std::exchange(reader_, nullptr)->complete(asio::error::eof, 0);
  if (datagrams && datagrams->receiver)
    std::exchange(datagrams->receiver, nullptr)->complete(asio::error::eof, 0);
  if (!local_ended) session_->watch(now() + session_->options().half_close_linger);
  release_if_ended();
}

MUXPRO_DECL void stream_state::peer_closed() {
  const ref self(*this);
  peer_closed_ = true;
  drop_staged();
  finishing_ = false;
  end_stall();
  session_->queue().remove_data(*this);
  if (writer_) writer_->allowed = writer_->framed;
  if (writer_ && !in_flight_) finish_write(asio::error::broken_pipe);
  if (shutting_down_) std::exchange(shutting_down_, nullptr)->complete(asio::error::broken_pipe);
  if (datagrams) drop_unsent();
  peer_ended();
}

MUXPRO_DECL void stream_state::drop_unsent() {
  datagrams->out.drop_all();
  datagrams->front_paid = false;
}

MUXPRO_DECL void stream_state::drop_staged() noexcept {
  forget_staged();
  if (std::exchange(closing_, false)) finishing_ = false;
  if (!writer_) session_->queue().remove_data(*this);
}

MUXPRO_DECL void stream_state::fail(error_code why, bool drop) {
  if (fate_) return;
  fate_ = why;
  flush_reader();
  if (drop) discard();
  if (writer_) writer_->unlink();
  end_stall();
  if (!closing_) session_->queue().remove_data(*this);
  if (aborted || remote_ended) session_->queue().remove_credit(*this);
  if (reader_) std::exchange(reader_, nullptr)->complete(why, 0);
  if (writer_) writer_->allowed = writer_->framed;
  if (writer_ && !in_flight_) finish_write(why);
  if (shutting_down_ && !writer_) std::exchange(shutting_down_, nullptr)->complete(why);
  if (reset_waiter_) std::exchange(reset_waiter_, nullptr)->complete(why);
  if (datagrams) {
    drop_unsent();
    if (datagrams->receiver) std::exchange(datagrams->receiver, nullptr)->complete(why, 0);
  }
}

MUXPRO_DECL void stream_state::release_if_ended() {
  if (!finished()) return;
  if (reset_waiter_) std::exchange(reset_waiter_, nullptr)->complete(asio::error::eof);
  if (listed) session_->release(*this);
}

MUXPRO_DECL void stream_state::drop_operations() noexcept {
  fate_ = errc::session_closed;
  finishing_ = closing_ = false;
  if (writer_) writer_->unlink();
  if (reader_) std::exchange(reader_, nullptr)->drop();
  if (writer_) std::exchange(writer_, nullptr)->drop();
  if (shutting_down_) std::exchange(shutting_down_, nullptr)->drop();
  if (reset_waiter_) std::exchange(reset_waiter_, nullptr)->drop();
  if (datagrams && datagrams->receiver) std::exchange(datagrams->receiver, nullptr)->drop();
}

}  // namespace muxpro::detail
