// The watch of a session, with one timer for every deadline of the session and its sub-streams.
#pragma once

#include <muxpro/detail/session_impl.hpp>

#include <algorithm>

namespace muxpro::detail {

MUXPRO_DECL void session_impl::watch(time_point deadline) {
  if (deadline >= armed_ || !timer_) return;
  armed_ = deadline;
  if (state_ == state::ready) timer_->cancel();
}

// close() cancels the timer.
inline auto session_impl::wait_until_armed() {
  return transfer(executor_, asio::cancellation_slot(),
                  [this](transfer_step done) { timer_->async_wait_until(armed_, std::move(done)); });
}

// Deadlines only ever move back while things go well, so the timer is set for the earliest one known
// and all are looked at when it ends.
MUXPRO_DECL loop session_impl::watch_loop(std::shared_ptr<session_impl> self) {
  self->armed_ = self->now();
  while (!self->closed()) {
    if (self->now() >= self->armed_) {
      self->armed_ = time_point::max();
      self->check_deadlines();
      if (self->closed()) co_return;
    }
    co_await self->wait_until_armed();
  }
}

MUXPRO_DECL void session_impl::check_deadlines() {
  const strand_check::turn here(strand_, executor_);
  const time_point t = now();
  rules_.expire(t);
  serve_opens(serve::while_there_is_room);
  time_point next = rules_.next_expiry();
  std::vector<ref<stream_state>> late;
  rules_.streams().for_each([&](stream_rules& r) {
    auto& s = static_cast<stream_state&>(r);
    const time_point deadline = stream_deadline(s);
    if (deadline > t)
      next = std::min(next, deadline);
    else
      late.emplace_back(s);
  });
  for (const auto& s : late) end_by_timeout(*s);
  if (!late.empty()) wake_writer();
  next = std::min({next, check_full(t), check_session(t)});
  if (!closed()) watch(std::max(next, t + std::chrono::milliseconds(1)));
}

MUXPRO_DECL time_point session_impl::stream_deadline(stream_state& s) const {
  const bool half_closed = s.local_ended || s.remote_ended;
  time_point deadline = s.active_at + (half_closed ? options_.half_close_linger : options_.stream_idle);
  if (s.waiting_for_credit()) deadline = std::min(deadline, s.stall.deadline(options_.credit_stall_timeout));
  return deadline;
}

MUXPRO_DECL void session_impl::end_by_timeout(stream_state& s) {
  if (s.end_held) {  // for dialect G, the half-close has waited long enough
    rules_.send_held_end(s);
    s.active_at = now();
    return;
  }
  log(severity::debug, "sub-stream {} ({}) was idle or stalled for too long and was ended", s.id, s.target);
  rules_.abort(s, end_code::timeout);
  end_stream(s, errc::stream_timeout);
}

// Returns the session's own next deadline. Closes it if one has passed.
MUXPRO_DECL time_point session_impl::check_session(time_point t) {
  const time_point read = read_watch_.deadline(options_.frame_read_timeout);
  const time_point write = write_watch_.deadline(options_.write_stall_timeout);
  const bool unused = rules_.streams().size() == 0;
  const time_point idle = unused && !leaving_ ? idle_deadline() : time_point::max();
  if (std::min(read, write) <= t) return close(errc::stalled), time_point::max();
  if (leaves_until_ <= t) return close(errc::close_timeout), time_point::max();
  if (idle <= t) return close_idle();
  const time_point rest = unused ? check_rest(t) : time_point::max();
  if (unused) {
    next_keep_alive_ = time_point::max();
  } else if (next_keep_alive_ <= t) {
    queue_.push_control(keep_alive{static_cast<stream_id>(random_())});
    wake_writer();
    set_keep_alive(t);
  }
  return std::min({read, write, idle, rest, leaves_until_, next_keep_alive_});
}

// Ids are remembered for a while longer.
MUXPRO_DECL time_point session_impl::check_rest(time_point t) noexcept {
  if (!rests_ && t >= unused_since_ + rests_after) rest();
  const time_point ids = rules_.forget(t);
  return rests_ ? ids : unused_since_ + rests_after;
}

MUXPRO_DECL void session_impl::rest() noexcept {
  rests_ = true;
  rules_.free_memory();
  queue_.free_memory();
  outbox_.free_memory();
  std::vector<stream_state*>().swap(to_flush_);
}

// KeepAlives hold a session without sub-streams for a while, and not for ever.
MUXPRO_DECL time_point session_impl::idle_deadline() const noexcept {
  constexpr int periods = 12;
  return std::min(active_at_ + options_.session_idle, unused_since_ + periods * options_.session_idle);
}

MUXPRO_DECL time_point session_impl::close_idle() {
  if (next_layer_->has_goodbye())
    leave(errc::idle_timeout);
  else
    close(errc::idle_timeout);
  return leaves_until_;
}

MUXPRO_DECL void session_impl::set_keep_alive(time_point t) {
  if (options_.keep_alive_interval == duration{}) return;
  // +-20 %, so that many sessions do not send at the same time.
  const double factor = std::uniform_real_distribution<double>(0.8, 1.2)(random_);
  next_keep_alive_ = t + std::chrono::duration_cast<duration>(options_.keep_alive_interval * factor);
  watch(next_keep_alive_);
}

}  // namespace muxpro::detail
