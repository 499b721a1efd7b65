// The ends of a session, which is drained, closed with an error, or destroyed with its execution context.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

#include <asio/post.hpp>

#include <utility>

namespace muxpro::detail {

MUXPRO_DECL void session_impl::cancel() {
  const auto aborted = make_error_code(asio::error::operation_aborted);
  while (!opens_.empty()) opens_.pop_front().complete(aborted, sub_stream());
  while (!accepts_.empty()) accepts_.pop_front().complete(aborted, sub_stream());
  while (!drains_.empty()) drains_.pop_front().complete(aborted);
  while (!closes_.empty()) closes_.pop_front().complete(aborted);
}

MUXPRO_DECL bool session_impl::drain_now(error_code& ec) {
  if (state_ == state::closed) return ec = fate_, true;
  rules_.drain();
  if (state_ == state::ready) serve_opens(serve::all);
  return drained();
}

MUXPRO_DECL bool session_impl::drained() const noexcept {
  return rules_.streams().size() == 0 && queue_.empty() && !outbox_.in_flight();
}

MUXPRO_DECL void session_impl::check_drained() {
  if (!rules_.draining() || !drained()) return;
  while (!drains_.empty()) drains_.pop_front().complete({});
  if (leaving_) wake_writer();  // for the goodbye
}

MUXPRO_DECL void session_impl::close(error_code why) {
  if (state_ == state::closed) return;
  const auto self = shared_from_this();
  state_ = state::closed;
  fate_ = why;
  const auto how = why == errc::session_closed ? severity::info : severity::warning;
  if (options_.log) log(how, "the session ended: {}", why.message());
  data_for_ = nullptr;
  read_again();
  const bool drop_unread = why == make_error_code(errc::memory_pressure);
  if (handshake_) std::exchange(handshake_, nullptr)->complete(why);
  while (!opens_.empty()) opens_.pop_front().complete(why, sub_stream());
  while (!accepts_.empty()) accepts_.pop_front().complete(why, sub_stream());
  while (!drains_.empty()) drains_.pop_front().complete(why);
  while (!closes_.empty()) closes_.pop_front().complete(has_left_ ? error_code() : why);
  rules_.streams().for_each([&](stream_rules& r) {
    auto& s = static_cast<stream_state&>(r);
    s.fail(why, drop_unread);
    rules_.release(s, time_point{});
    s.listed_self = {};
  });
  while (!backlog_.empty()) backlog_.pop_front().listed_self = {};  // the peer had ended them
  backlog_size_ = 0;
  process_budget_->leave(*this);
  if (timer_) timer_->cancel();
  for (auto& stop : stop_) stop.emit(asio::cancellation_type::terminal);
  if (next_layer_) next_layer_->close();
  wake_writer();
  if (loops_ == 0) {
    next_layer_.reset();
    timer_.reset();
  }
}

// The process is short of memory, and this session holds the most unread data. Called by any thread.
MUXPRO_DECL bool session_impl::release_memory() noexcept try {
  asio::post(executor_, [session = weak_from_this()] {
    if (const auto self = session.lock()) self->close(errc::memory_pressure);
  });
  return true;
} catch (...) {
  return false;
}

MUXPRO_DECL void session_impl::context_destroyed() noexcept {
  const auto self = shared_from_this();
  process_budget_->leave(*this);
  state_ = state::closed;
  fate_ = errc::session_closed;
  executor_ = {};
  writer_waits_ = {};  // before handlers whose sub-streams would wake it
  reader_waits_ = {};
  full_ = nullptr;
  for (result_op** op : {&run_, &handshake_})
    if (*op) std::exchange(*op, nullptr)->drop();
  intrusive_list<open_op> opens;
  intrusive_list<accept_op> accepts;
  intrusive_list<drain_op> drains;
  opens.splice(opens_);
  accepts.splice(accepts_);
  drains.splice(drains_);
  drains.splice(closes_);
  while (!opens.empty()) opens.pop_front().drop();
  while (!accepts.empty()) accepts.pop_front().drop();
  while (!drains.empty()) drains.pop_front().drop();
  rules_.streams().for_each([&](stream_rules& r) {
    const auto s = std::move(static_cast<stream_state&>(r).listed_self);
    rules_.release(r, time_point{});
    s->drop_operations();
  });
  while (!backlog_.empty()) backlog_.pop_front().listed_self = {};
  outbox_.drop();
  timer_.reset();
  next_layer_.reset();
}

}  // namespace muxpro::detail
