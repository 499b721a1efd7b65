// A pool as its handle sees it, with opening, waiting, draining and closing, and the loop that does what is
// due.
#pragma once

#include <muxpro/detail/pool_impl.hpp>
#include <muxpro/impl/pool_connection.ipp>

#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

namespace muxpro::detail {

// A connection that fails an open leaves the picker. This many are tried before the open fails.
inline constexpr int open_tries = 4;

MUXPRO_DECL pool_impl::pool_impl(asio::any_io_executor executor, std::unique_ptr<dialer> dial,
                                 client_pool_options options)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      dialer_(std::move(dial)),
      timer_(std::in_place, executor_),
      policy_(options_,
              options_.session.random_seed ? options_.session.random_seed : std::random_device{}()) {
  options_.max_reuse = std::min(options_.max_reuse, rules_of(options_.session.speaks).opens);
  options_.session.max_streams = std::max(options_.session.max_streams, options_.max_concurrency);
  register_with(executor_);
}

// --- opening

MUXPRO_DECL bool pool_impl::open_now(open_request& request, error_code& ec, sub_stream& stream) {
  if (closed_) return ec = errc::pool_exhausted, true;
  if (draining_) return ec = errc::draining, true;
  request.wait_for_room = false;  // the pool waits itself
  int tries = 0;
  if (waiting_.empty() && try_open(request, tries, ec, stream)) return true;
  was_full_ = was_full_ || policy_.full();
  if (policy_.may_wait()) return false;
  return ec = errc::pool_exhausted, true;
}

// Live sessions decide at once, so only a dead session can come between the choice and New.
MUXPRO_DECL bool pool_impl::try_open(open_request& request, int& tries, error_code& ec, sub_stream& stream) {
  while (const auto id = policy_.pick()) {
    const auto c = connections_.at(*id);
    ec = {};
    c->impl().open_now(request, ec, stream);
    if (ec == errc::bad_host || ec == errc::datagram_too_large) return true;
    if (!ec) {
      if (policy_.opened(*id)) wake();
      ++counted_.opened;
      if (c->opened++ > 0) ++counted_.reused;
      ++c->streams;
      opened_on_ = c;
      return true;
    }
    if (c->impl().closed())
      policy_.exclude(*id);
    else
      policy_.retire(*id);
    wake();
    if (++tries == open_tries) return true;
    ++counted_.retries;
  }
  return false;
}

MUXPRO_DECL void pool_impl::flush() {
  if (const auto c = std::exchange(opened_on_, nullptr)) c->impl().wake_writer();
}

MUXPRO_DECL void pool_impl::start_open(waiting_open* op) {
  waiting_.push_back(*op);
  policy_.waits();
  wake();
}

MUXPRO_DECL void pool_impl::cancel_open(waiting_open* op) {
  op->unlink();
  policy_.waited();
  op->complete(asio::error::operation_aborted, sub_stream());
}

// --- the loop that does what is due

MUXPRO_DECL void pool_impl::watch(time_point deadline) noexcept {
  if (deadline >= armed_ || !timer_) return;
  armed_ = deadline;
  timer_->cancel();
}

MUXPRO_DECL void pool_impl::wake() {
  watch(time_point::min());
  if (std::exchange(tending_, true)) return;
  auto ended = [self = shared_from_this()](std::exception_ptr failure) { self->tend_ended(failure); };
  asio::co_spawn(executor_, tend(shared_from_this()), std::move(ended));
}

// Runs while there are connections or opens that wait, so that an idle pool keeps no context alive.
MUXPRO_DECL asio::awaitable<void> pool_impl::tend(std::shared_ptr<pool_impl> self) {
  while (!self->closed_ && (!self->connections_.empty() || !self->waiting_.empty())) {
    self->act_on_deadlines();
    error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await self->timer_->async_wait_until(self->armed_, token);
  }
  self->tending_ = false;
  self->armed_ = time_point::max();
}

MUXPRO_DECL void pool_impl::tend_ended(std::exception_ptr failure) {
  if (failure) close();
}

MUXPRO_DECL void pool_impl::act_on_deadlines() {
  const strand_check::turn here(strand_, executor_);
  armed_ = time_point::max();
  const time_point t = timer_->now();
  while (const auto late = policy_.next_overdue(t)) {
    note_dial_failure("no connection within dial_timeout");
    fail_waiting(late->fails, asio::error::timed_out);
    const auto c = connections_.at(late->id);
    c->overdue = true;
    c->stop_dial.emit(asio::cancellation_type::terminal);
  }
  while (const auto id = policy_.next_retired(t)) start_draining(*id);
  serve();
  report_room();
  while (const auto id = policy_.next_dial(t)) start_dial(*id);
  watch(policy_.next_deadline());
}

MUXPRO_DECL void pool_impl::serve() {
  while (!waiting_.empty()) {
    waiting_open& op = waiting_.front();
    error_code ec;
    sub_stream stream;
    if (!try_open(op.request, op.tries, ec, stream)) return;
    op.unlink();
    policy_.waited();
    op.complete(ec, std::move(stream));
    flush();
  }
}

MUXPRO_DECL void pool_impl::fail_waiting(pool_policy::share which, error_code why) {
  intrusive_list<waiting_open> spared, failed;
  while (which.skip-- > 0) spared.push_back(waiting_.pop_front());
  for (std::size_t n = which.count; n > 0; --n) failed.push_back(waiting_.pop_front());
  spared.splice(waiting_);
  waiting_.splice(spared);
  policy_.waited(which.count);
  while (!failed.empty()) failed.pop_front().complete(why, sub_stream());
}

// --- ending

MUXPRO_DECL bool pool_impl::drain_now(error_code& ec) {
  if (closed_) return ec = errc::pool_exhausted, true;
  draining_ = true;
  policy_.drain();
  fail_waiting({0, policy_.waiting()}, errc::draining);
  const auto connections = connections_;  // a dial may end here
  for (const auto& [id, c] : connections)
    if (!c->connected) c->stop_dial.emit(asio::cancellation_type::terminal);
  if (connections_.empty()) return true;
  wake();
  return false;
}

MUXPRO_DECL void pool_impl::cancel() {
  while (!waiting_.empty()) cancel_open(&waiting_.front());
  while (!drains_.empty()) drains_.pop_front().complete(asio::error::operation_aborted);
}

MUXPRO_DECL void pool_impl::close() {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  fail_waiting({0, policy_.waiting()}, errc::pool_exhausted);
  while (!drains_.empty()) drains_.pop_front().complete(errc::pool_exhausted);
  watch(time_point::min());
  const auto connections = connections_;  // closing may erase
  for (const auto& [id, c] : connections) {
    c->stop_dial.emit(asio::cancellation_type::terminal);
    c->main.close();
  }
}

MUXPRO_DECL void pool_impl::context_destroyed() noexcept {
  const auto self = shared_from_this();
  closed_ = true;
  executor_ = {};
  timer_.reset();
  intrusive_list<waiting_open> waiting;
  intrusive_list<drain_op> drains;
  waiting.splice(waiting_);
  drains.splice(drains_);
  while (!waiting.empty()) waiting.pop_front().drop();
  while (!drains.empty()) drains.pop_front().drop();
}

MUXPRO_DECL std::vector<pool_connection> pool_impl::report_connections() const {
  using state = pool_connection::state;
  std::vector<pool_connection> out;
  for (const auto& [id, c] : connections_) {
    pool_connection& one = out.emplace_back();
    one.id = id;
    one.is = !c->connected ? state::dialing : c->draining ? state::draining : state::open;
    one.local = c->local;
    one.remote = c->remote;
    one.streams = c->streams;
    one.opened = c->opened;
    if (c->connected) one.session = c->main.stats();
  }
  return out;
}

MUXPRO_DECL void pool_impl::log(const pool_event& e) const noexcept try {
  const auto& to = options_.session.log;
  if (!to) return;
  using kind = pool_event::kind;
  switch (e.what) {
    case kind::connected: return to(severity::info, fmt::format("main connection {} is up", e.connection));
    case kind::retired: return to(severity::info, fmt::format("main connection {} is retired", e.connection));
    case kind::room: return to(severity::info, "the pool has room again");
    case kind::dial_failed:
      return to(severity::warning, fmt::format("dial {} failed: {}", e.connection, e.why.message()));
    case kind::lost:
      return to(severity::warning,
                fmt::format("main connection {} is lost: {}", e.connection, e.why.message()));
  }
} catch (...) {
  // A line that cannot be written is no reason to end a pool.
}

MUXPRO_DECL void pool_impl::report(pool_event::kind what, connection_id id, error_code why) {
  log({what, id, why});
  if (!options_.on_event) return;
  asio::post(executor_, [self = shared_from_this(), event = pool_event{what, id, why}] {
    if (!self->closed_) self->options_.on_event(event);
  });
}

MUXPRO_DECL void pool_impl::report_room() {
  if (!was_full_ || !waiting_.empty() || !policy_.pick()) return;
  was_full_ = false;
  report(pool_event::kind::room, 0);
}

MUXPRO_DECL std::vector<session_stats> pool_impl::report_sessions() const {
  std::vector<session_stats> out;
  for (const auto& [id, c] : connections_)
    if (c->connected) out.push_back(c->main.stats());
  return out;
}

MUXPRO_DECL client_pool_stats pool_impl::report() const {
  client_pool_stats s = counted_;
  s.connections = static_cast<std::uint32_t>(policy_.live());
  s.dialing = static_cast<std::uint32_t>(policy_.dialing());
  s.waiting = static_cast<std::uint32_t>(policy_.waiting());
  for (const auto& [id, c] : connections_) {
    s.draining += c->draining;
    s.streams += c->streams;
  }
  return s;
}

}  // namespace muxpro::detail
