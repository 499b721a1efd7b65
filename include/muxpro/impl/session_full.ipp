// session_impl::wait_until_read() and others: a session without credit whose sub-stream has no room for the
// next bytes. Reading stops until its consumer has gone on. That may delay the others for a moment. Then the
// sub-stream ends, unless it is alone.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

#include <utility>

namespace muxpro::detail {

// A consumer that the thread had no time for so far gets a turn for what has happened to it meanwhile.
inline constexpr auto last_turn = std::chrono::milliseconds(1);

MUXPRO_DECL void session_impl::wait_until_read(stream_state& s, std::size_t announced) {
  full_ = &s;
  announced_for_full_ = announced;
  begin_grace();
  if (watcher_) watcher_->queue_full();
}

MUXPRO_DECL void session_impl::begin_grace() {
  looked_at_full_ = false;
  full_until_ = now() + options_.full_queue_grace;
  watch(full_until_);
}

MUXPRO_DECL void session_impl::try_full_again() {
  stream_state& s = *full_;
  const auto e = rules_.receive_data(s, announced_for_full_, now());
  if (e.what == protocol::event_type::full) return;
  read_again();
  act_on(e);
}

MUXPRO_DECL void session_impl::read_again() {
  full_ = nullptr;
  if (reader_waits_) wake(executor_, reader_waits_);
}

// Returns when to look again.
MUXPRO_DECL time_point session_impl::check_full(time_point t) {
  if (!full_ || rules_.streams().size() == 1) return time_point::max();
  if (t < full_until_) return full_until_;
  if (!std::exchange(looked_at_full_, true)) return full_until_ = t + last_turn;
  stream_state& s = *full_;
  log(severity::debug, "sub-stream {} ({}) was not read, held up the others and was ended", s.id, s.target);
  rules_.abort(s, end_code::resources);
  end_stream(s, errc::stream_timeout);
  wake_writer();
  return time_point::max();
}

}  // namespace muxpro::detail
