// Closes a session in good order. What this side has finished is delivered, the peer gets EOF behind it, and
// the peer's own EOF ends the session.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

#include <utility>

namespace muxpro::detail {

// Before async_run() there is no loop that could send anything.
MUXPRO_DECL bool session_impl::close_now(error_code& ec) {
  if (state_ == state::closed) return ec = result_of_run(), true;
  if (state_ == state::ready && run_) return false;
  close(errc::session_closed);
  return true;
}

MUXPRO_DECL void session_impl::start_close(drain_op* op) {
  closes_.push_back(*op);
  leave(errc::session_closed);
}

MUXPRO_DECL void session_impl::leave(error_code as) {
  if (std::exchange(leaving_, true)) return;
  const auto self = shared_from_this();
  leaves_as_ = as;
  leaves_until_ = now() + options_.close_timeout;
  watch(leaves_until_);
  rules_.drain();
  serve_opens(serve::all);
  while (!accepts_.empty()) accepts_.pop_front().complete(as, sub_stream());
  rules_.streams().for_each([as](stream_rules& r) { static_cast<stream_state&>(r).cut_off(as); });
  wake_writer();
}

MUXPRO_DECL bool session_impl::goodbye_due() const noexcept {
  return leaving_ && !goodbye_sent_ && drained();
}

MUXPRO_DECL void session_impl::goodbye_sent() {
  goodbye_sent_ = true;
  if (reads_ended_ || !next_layer_->has_eof()) left();
}

MUXPRO_DECL void session_impl::left() {
  has_left_ = true;
  close(leaves_as_);
}

// The peer ends a sub-stream 0 with its session.
// A pipe or socket that is closed without shutting down gives connection_reset. That is a goodbye as well,
// unless the layer has one of its own.
MUXPRO_DECL bool session_impl::peer_left(error_code ec) const noexcept {
  const bool gone =
      ec == asio::error::eof || (ec == asio::error::connection_reset && !next_layer_->has_goodbye());
  const auto& streams = rules_.streams();
  const bool in_use = streams.size() > 0 && !(streams.size() == 1 && streams.find(0));
  return gone && decoder_.at_boundary() && !in_use;
}

// The end between frames without sub-streams is a clean goodbye, everything else a loss. A layer that has a
// goodbye of its own gets ours as the answer.
MUXPRO_DECL void session_impl::lost(error_code ec) {
  if (goodbye_sent_ || reads_ended_) return left();
  if (peer_left(ec) && (leaving_ || next_layer_->has_goodbye())) {
    reads_ended_ = true;
    return leave(errc::session_closed);
  }
  if (peer_left(ec)) return close(errc::session_closed);
  if (write_error_) return close(write_error_);
  close(ec == asio::error::eof ? make_error_code(errc::connection_lost) : ec);
}

}  // namespace muxpro::detail
