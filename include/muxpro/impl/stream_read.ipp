// Reading of a sub-stream. Received bytes go to the pending read, or are kept until one starts.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/detail/stream_state.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::detail {

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
  if (reader_ != op || op->due()) return;  // bytes have come, so it completes with them in this turn
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
  if (pieces->empty()) session_->flush_after_turn(*this);
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
  if (reader_->due() && !was_due) session_->flush_after_turn(*this);
  if (n > 0) consumed(n);
  return n;
}

MUXPRO_DECL std::size_t copying_read::take_some(const write_buffers& data) {
  return copy(into_, taken(), data);
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
  const bool grows = session_->rules().wire().credit && !finished();
  if (const auto larger = window.desired_window(session_->options().max_window); larger && grows)
    session_->grow_window(*this, *larger);
  grant_if_due();
}

// Inside a frame only a due grant is sent. A datagram that comes in many pieces is worth one CreditUpdate, or
// the peer, which budgets them by the frames that it sent, would give up on this session.
MUXPRO_DECL void stream_state::return_credit(std::uint64_t n, bool frame_is_over) {
  window.consume(n);
  discarded_ += n;
  if (discarded_ <= session_->options().discard_limit) grant_if_due(frame_is_over);
}

MUXPRO_DECL void stream_state::grant_if_due(bool frame_is_over) {
  if (remote_ended || aborted) return;
  if (!session_->rules().wire().credit) return session_->room_made(*this);
  if (session_->has_more_for(*this)) return;  // perhaps an End follows, and the credit is not needed
  const bool datagram_due = datagrams && frame_is_over && window.outstanding() < datagram_reserve;
  if (!window.grant_due() && !datagram_due) return;
  session_->queue().push_credit(*this);
  session_->wake_writer();
}

MUXPRO_DECL std::uint32_t stream_state::grant(time_point t) noexcept {
  const std::uint32_t before = window.window();
  if (session_->short_of_memory()) window.shrink();
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

// There is no reader. What came counts as taken, so that a peer that goes on sending gets to its end.
MUXPRO_DECL void stream_state::discard() {
  discarding_ = true;
  std::uint64_t n = drop_unread();
  if (datagrams) n += std::exchange(datagrams->arriving, {}).block.size();
  return_credit(n);
}

}  // namespace muxpro::detail
