// Writing of a sub-stream, as far as its credit goes.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/detail/stream_state.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace muxpro::detail {

MUXPRO_DECL error_code stream_state::check_write() {
  if (net != network::tcp) return errc::wrong_network;
  if (fate_) return torn_ |= closing_ && may_continue(), fate_;
  if (writer_) return errc::operation_in_progress;
  if (peer_closed_) return asio::error::broken_pipe;
  if (local_ended || (finishing_ && (closing_ || !may_continue()))) return errc::already_shut_down;
  return {};
}

// A write of a few bytes that credit covers is copied. The writer continues at once, and the frame also takes
// what it writes next.
MUXPRO_DECL bool stream_state::stage(const write_buffers& from) {
  constexpr std::size_t limit = 512;  // what the outbox copies
  const std::size_t n = from.size();
  if (writer_ || staged_.size() + n > limit || credit_.try_acquire(n, n) == 0) return false;
  stall.stop();
  torn_ = false;
  staged_.reserve(staged_.size() + n);
  from.each(0, n, [&](asio::const_buffer part) {
    const auto* const data = static_cast<const std::byte*>(part.data());
    staged_.insert(staged_.end(), data, data + part.size());
  });
  session_->queue().push_data(*this);
  return true;
}

// A writer that pauses this long between two writes was not held up by credit.
inline constexpr auto stall_forgotten = std::chrono::seconds(1);

MUXPRO_DECL void stream_state::start_write(write_op* op) {
  writer_ = op;
  torn_ = false;
  if (stall.running() && now() - written_at_ >= stall_forgotten) stall.stop();
  const std::size_t most = std::min<std::size_t>(op->from.size(), session_->options().session_out_buffer);
  if (const std::uint64_t n = credit_.try_acquire(1, most)) {
    if (n == most) stall.stop();
    return granted(n);
  }
  op->want(1, most);
  credit_.wait(*op);
  op->stalled_at = now();
  ++counted.credit_stalls;
  if (!stall.running()) stall.start(op->stalled_at);
  session_->watch(stall.deadline(session_->options().credit_stall_timeout));
}

MUXPRO_DECL void stream_state::end_stall() {
  if (!writer_ || writer_->stalled_at == time_point{}) return;
  const duration waited = now() - std::exchange(writer_->stalled_at, {});
  counted.credit_stalled += waited;
  session_->stalled_for(waited);
}

MUXPRO_DECL void stream_state::granted(std::uint64_t n) {
  end_stall();
  writer_->allowed = static_cast<std::size_t>(n);
  if (stall.running()) stall.progress(n, session_->options().credit_stall_floor, now());
  session_->queue().push_data(*this);
  session_->wake_writer();
}

MUXPRO_DECL void stream_state::add_credit(std::uint64_t n) {
  credit_.release(n);
  if (datagrams) pay_for_datagram();
}

MUXPRO_DECL void stream_state::spend_credit(std::uint64_t n) noexcept {
  credit_.try_acquire(n, n);
  ++counted.sent.frames;
  counted.sent.bytes += n;
}

MUXPRO_DECL std::size_t stream_state::sendable() const noexcept {
  if (datagrams)
    return datagrams->front_paid ? std::max<std::size_t>(datagrams->out.front().block.size(), 1) : 0;
  return staged_.size() + (writer_ ? writer_->allowed - writer_->framed : 0);
}

MUXPRO_DECL void stream_state::staged_sent(std::size_t n) noexcept {
  if (n == staged_.size())
    forget_staged();
  else
    staged_.erase(staged_.begin(), staged_.begin() + static_cast<std::ptrdiff_t>(n));
}

MUXPRO_DECL void stream_state::write_done() {
  in_flight_ = false;
  if (!writer_) return;
  if (fate_)
    finish_write(fate_);
  else if (writer_->framed == writer_->allowed)
    finish_write({});
}

MUXPRO_DECL void stream_state::finish_write(error_code ec) {
  write_op* const op = std::exchange(writer_, nullptr);
  op->guard.emplace(*this);
  op->complete(ec, op->framed);
  if (stall.running()) written_at_ = now();
  end_if_finishing();
}

// Without memory for an End the peer learns of it when stream_idle ends what is left.
MUXPRO_DECL void stream_state::write_completed(stream_state* handle, bool called) noexcept {
  const auto s = ref<stream_state>::adopt(handle);
  if (!called) --s->completing_;
  s->continuing_ = false;
  if (!s->finishing_ && !s->shutting_down_) return;
  try {
    s->end_if_finishing();
  } catch (const std::bad_alloc&) {
  }
}

// What is framed already cannot be taken back. The write then succeeds with that many bytes.
MUXPRO_DECL void stream_state::cancel_write(write_op* op) {
  if (writer_ != op) return;
  op->unlink();
  end_stall();
  const std::size_t unused = op->allowed - op->framed;
  op->allowed = op->framed;
  torn_ = op->framed < op->from.size();
  if (sendable() == 0) session_->queue().remove_data(*this);
  credit_.release(unused);
  if (in_flight_) return;
  const bool untouched = op->framed == 0;
  finish_write(untouched ? error_code(asio::error::operation_aborted) : error_code{});
}

}  // namespace muxpro::detail
