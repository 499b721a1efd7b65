// Reading and writing of a sub-stream.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/detail/stream_state.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::detail {

MUXPRO_DECL stream_state::stream_state(std::shared_ptr<session_impl> owner, stream_id stream,
                                       const destination& d, std::uint8_t p, time_point t)
    : stream_rules(stream, d.net, p, t), target(d), session_(std::move(owner)) {
  if (net == network::udp) datagrams = std::make_unique<datagram_state>(session_->options());
}

MUXPRO_DECL stream_state::~stream_state() {
  drop_unread();
  session_->queue().remove_data(*this);
  session_->object_gone(*this);
}

MUXPRO_DECL time_point stream_state::now() const { return session_->now(); }

// --- reading

MUXPRO_DECL bool stream_state::read_now(const read_buffers& into, error_code& ec, std::size_t& n) {
  if (net != network::tcp) return ec = errc::wrong_network, true;
  if (reader_) return ec = errc::operation_in_progress, true;
  if (into.size() == 0) return true;
  if (!unread_.empty()) {
    into.each(0, std::min(into.size(), unread_.size()), [&](asio::mutable_buffer part) {
      n += unread_.pop({static_cast<std::byte*>(part.data()), part.size()});
    });
    session_->unbuffered(n);
    consumed(n);
    return true;
  }
  return ended_for_reader(ec);
}

MUXPRO_DECL bool stream_state::ended_for_reader(error_code& ec) const {
  if (fate_) return ec = fate_, true;
  if (remote_ended) return ec = asio::error::eof, true;
  return false;
}

MUXPRO_DECL bool stream_state::flow_now(sink& to, error_code& ec, std::size_t& n) {
  if (net != network::tcp) return ec = errc::wrong_network, true;
  if (reader_) return ec = errc::operation_in_progress, true;
  while (!unread_.empty()) {
    const const_bytes next = unread_.peek();
    const std::size_t taken = to.take(write_buffers(asio::buffer(next.data(), next.size())));
    unread_.consume(taken);
    n += taken;
    session_->unbuffered(taken);
    consumed(taken);
    if (taken < next.size()) return true;
  }
  return ended_for_reader(ec);
}

MUXPRO_DECL void stream_state::cancel_read(read_op* op) {
  if (reader_ != op || op->due()) return;  // bytes are in: it completes with them in this turn
  reader_ = nullptr;
  op->complete(asio::error::operation_aborted, 0);
}

MUXPRO_DECL void stream_state::data_announced(std::size_t size, bool addressed) {
  ++counted.received.frames;
  if (!datagrams || discarding_) return;
  datagrams->arriving = {};
  datagrams->arriving.block.reserve(std::min(size, max_datagram + max_prefix));
  datagrams->arriving_addressed = addressed;
}

MUXPRO_DECL bool stream_state::deliver(const_bytes data, bool last) {
  counted.received.bytes += data.size();
  if (discarding_) return return_credit(data.size(), last), true;
  if (fate_) return true;
  if (datagrams) {
    auto& block = datagrams->arriving.block;
    block.insert(block.end(), data.begin(), data.end());
    return !last || datagram_arrived();
  }
  if (gather(data)) return true;
  data = data.subspan(fill_reader(data));
  if (data.empty()) return true;
  unread_.push(data);
  session_->buffered(data.size());
  grant_if_due();
  return true;
}

// They stay where they were read until the turn ends, or there are more than an operation holds.
MUXPRO_DECL bool stream_state::gather(const_bytes data) {
  if (!reader_ || !unread_.empty()) return false;
  write_buffers* const pieces = reader_->gathered();
  if (!pieces) return false;
  const auto piece = asio::buffer(data.data(), data.size());
  if (pieces->empty()) session_->touched(*this);
  if (pieces->append(piece)) return true;
  pass_gathered();
  return !reader_->due() && pieces->append(piece);
}

MUXPRO_DECL void stream_state::pass_gathered() {
  write_buffers* const pieces = reader_->gathered();
  if (!pieces || pieces->empty()) return;
  const write_buffers all = std::exchange(*pieces, {});
  const std::size_t n = reader_->take(all);
  if (n > 0) consumed(n);
  all.each(n, all.size() - n, [this](asio::const_buffer rest) {
    unread_.push({static_cast<const std::byte*>(rest.data()), rest.size()});
    session_->buffered(rest.size());
  });
  grant_if_due();  // what was put off while more was to come
}

MUXPRO_DECL std::size_t stream_state::fill_reader(const_bytes data) {
  if (!reader_ || !unread_.empty()) return 0;
  const bool was_due = reader_->due();
  const std::size_t n = reader_->take(write_buffers(asio::buffer(data.data(), data.size())));
  if (reader_->due() && !was_due) session_->touched(*this);
  if (n > 0) consumed(n);
  return n;
}

MUXPRO_DECL std::size_t copying_read::take_some(const write_buffers& data) {
  std::size_t done = taken();
  data.each(0, std::min(data.size(), into_.size() - done), [&](asio::const_buffer piece) {
    auto* from = static_cast<const std::byte*>(piece.data());
    into_.each(done, piece.size(), [&from](asio::mutable_buffer part) {
      std::memcpy(part.data(), from, part.size());
      from += part.size();
    });
    done += piece.size();
  });
  return done - taken();
}

MUXPRO_DECL bool stream_state::flush_reader() {
  if (!reader_) return true;
  try {
    pass_gathered();
  } catch (const std::bad_alloc&) {
    reset(end_code::resources);
    fail(errc::stream_reset, true);  // where both sides have ended already
  }
  if (!reader_) return true;
  if (!reader_->due()) return false;
  read_op* const op = std::exchange(reader_, nullptr);
  op->complete({}, op->taken());
  return true;
}

// Credit goes back for what the application has taken, and only then.
MUXPRO_DECL void stream_state::consumed(std::uint64_t n) {
  window.consume(n);
  if (const auto larger = window.wanted(session_->options().max_window); larger && !over())
    session_->window_wanted(*this, *larger);
  grant_if_due();
}

// Inside a frame nothing but a due grant goes back: a datagram that comes in many pieces is worth one
// CreditUpdate, or the peer, which budgets them by the frames that it sent, would give up on this session.
MUXPRO_DECL void stream_state::return_credit(std::uint64_t n, bool frame_is_over) {
  window.consume(n);
  grant_if_due(frame_is_over);
}

MUXPRO_DECL void stream_state::grant_if_due(bool frame_is_over) {
  if (remote_ended || aborted) return;
  if (session_->has_more_for(*this)) return;  // and behind it perhaps an End: then nobody needs the credit
  const bool datagram_due = datagrams && frame_is_over && window.outstanding() < datagram_reserve;
  if (!window.grant_due() && !datagram_due) return;
  session_->queue().push_credit(*this);
  session_->wake_writer();
}

MUXPRO_DECL std::uint32_t stream_state::grant(time_point t) noexcept {
  const std::uint32_t before = window.window();
  const std::uint32_t n = window.grant(t);
  if (window.window() < before) session_->window_returned(before - window.window());
  return n;
}

MUXPRO_DECL std::uint64_t stream_state::drop_unread() noexcept {
  const std::uint64_t n = datagrams ? datagrams->in.queued_bytes() : unread_.size();
  session_->unbuffered(n);
  unread_.clear();
  if (datagrams) datagrams->in.clear();
  return n;
}

// Nobody will read: what came counts as taken, so that a peer that goes on sending gets to its end.
MUXPRO_DECL void stream_state::discard() {
  discarding_ = true;
  std::uint64_t n = drop_unread();
  if (datagrams) n += std::exchange(datagrams->arriving, {}).block.size();
  return_credit(n);
}

// --- writing

MUXPRO_DECL error_code stream_state::check_write() const {
  if (net != network::tcp) return errc::wrong_network;
  if (fate_) return fate_;
  if (writer_) return errc::operation_in_progress;
  if (local_ended || finishing_) return errc::already_shut_down;
  return {};
}

// A write of a few bytes, if credit covers it: whoever writes goes on at once, and the frame has what
// follows, too.
MUXPRO_DECL bool stream_state::stage(const write_buffers& from) {
  constexpr std::size_t limit = 512;  // what the outbox copies
  const std::size_t n = from.size();
  if (writer_ || staged_.size() + n > limit || credit_.try_acquire(n, n) == 0) return false;
  stall.stop();
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

MUXPRO_DECL void stream_state::landed() {
  flying_ = false;
  if (!writer_) return;
  if (fate_)
    finish_write(fate_);
  else if (writer_->framed == writer_->allowed)
    finish_write({});
}

MUXPRO_DECL void stream_state::finish_write(error_code ec) {
  write_op* const op = std::exchange(writer_, nullptr);
  op->complete(ec, op->framed);
  if (stall.running()) written_at_ = now();
  end_if_finishing();
}

// What is framed already cannot be taken back: the write then ends well, with that many bytes.
MUXPRO_DECL void stream_state::cancel_write(write_op* op) {
  if (writer_ != op) return;
  op->unlink();
  end_stall();
  const std::size_t unused = op->allowed - op->framed;
  op->allowed = op->framed;
  if (sendable() == 0) session_->queue().remove_data(*this);
  credit_.release(unused);
  if (flying_) return;
  const bool untouched = op->framed == 0;
  finish_write(untouched ? error_code(asio::error::operation_aborted) : error_code{});
}

MUXPRO_DECL stream_stats stream_state::report() const {
  stream_stats s;
  s.sent = counted.sent;
  s.received = counted.received;
  s.credit_stalls = counted.credit_stalls;
  s.credit_stalled = counted.credit_stalled;
  s.send_credit = credit_.available();
  s.receive_window = window.window();
  s.unread = unread_.size();
  if (datagrams) {
    s.unread = datagrams->in.queued_bytes();
    s.datagrams_dropped_in = datagrams->in.dropped();
    s.datagrams_dropped_out = datagrams->out.dropped();
  }
  return s;
}

}  // namespace muxpro::detail
