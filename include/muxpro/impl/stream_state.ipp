// The state and counters of a sub-stream. Its operations are in stream_read, stream_write, stream_datagrams
// and stream_ends.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/detail/stream_state.hpp>

#include <utility>

namespace muxpro::detail {

MUXPRO_DECL stream_state::stream_state(std::shared_ptr<session_impl> owner, stream_id stream,
                                       const destination& d, std::uint8_t p, time_point t)
    : stream_rules(stream, d.net, p, t, owner->rules().wire().window),
      target(d),
      session_(std::move(owner)),
      credit_(session_->rules().wire().send_credit) {
  if (net == network::udp) datagrams = std::make_unique<datagram_state>(session_->options());
}

MUXPRO_DECL stream_state::~stream_state() {
  drop_unread();
  session_->queue().remove_data(*this);
  session_->object_gone(*this);
}

// The shutdown comes first, because it would succeed when the write that it waits for is gone.
MUXPRO_DECL void stream_state::cancel() {
  const ref self(*this);
  if (shutting_down_) cancel_shutdown(shutting_down_);
  if (writer_) cancel_write(writer_);
  if (reader_) cancel_read(reader_);
  if (reset_waiter_) cancel_wait_reset(reset_waiter_);
  if (datagrams && datagrams->receiver) cancel_receive(datagrams->receiver);
}

MUXPRO_DECL time_point stream_state::now() const { return session_->now(); }

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
