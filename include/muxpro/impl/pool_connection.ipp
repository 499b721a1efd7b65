// Life of one connection of a pool, which is dialled, negotiated, run, drained and removed.
#pragma once

#include <muxpro/detail/failure.hpp>
#include <muxpro/detail/pool_impl.hpp>

#include <asio/co_spawn.hpp>

#include <utility>

namespace muxpro::detail {

// Shared with the handlers of its dial, its run and its drain, which keep the pool, too. Sub-streams may
// outlive both.
struct pool_impl::connection final : stream_watcher {
  connection(pool_impl& p, connection_id c) : pool(&p), id(c) {}
  ~connection() {
    if (connected) impl().watch_streams(nullptr);
  }
  session_impl& impl() noexcept { return session_access::impl(main); }
  void stream_gone(bool refused) noexcept override { pool->stream_gone(*this, refused); }
  void queue_full() noexcept override { pool->queue_full(*this); }

  pool_impl* const pool;
  const connection_id id;
  session main;
  bool connected = false;
  bool overdue = false;
  bool draining = false;
  std::uint32_t streams = 0;
  std::uint64_t opened = 0;
  std::string local, remote;  ///< endpoints
  asio::cancellation_signal stop_dial;
};

struct pool_impl::dial_done {
  std::shared_ptr<pool_impl> self;
  std::shared_ptr<connection> c;
  void operator()(std::exception_ptr failure, session main) const {
    self->dialled(c, failure, std::move(main));
  }
};

struct pool_impl::run_done {
  std::shared_ptr<pool_impl> self;
  std::shared_ptr<connection> c;
  void operator()(error_code why) const { self->run_ended(c, why); }
};

struct pool_impl::drain_done {
  std::shared_ptr<pool_impl> self;
  std::shared_ptr<connection> c;
  void operator()(error_code) const {
    c->main.async_close([](error_code) {});  // run_done follows
  }
};

MUXPRO_DECL void pool_impl::start_dial(connection_id id) {
  ++counted_.dials;
  const auto c = std::make_shared<connection>(*this, id);
  connections_.emplace(id, c);
  asio::co_spawn(executor_, dial(shared_from_this()),
                 asio::bind_cancellation_slot(c->stop_dial.slot(), dial_done{shared_from_this(), c}));
}

MUXPRO_DECL asio::awaitable<session> pool_impl::dial(std::shared_ptr<pool_impl> self) {
  auto dialing = self->dialer_->dial(self->options_.session);
  session main = co_await std::move(dialing);
  co_await main.async_handshake(asio::use_awaitable);
  co_return std::move(main);
}

MUXPRO_DECL void pool_impl::dialled(const std::shared_ptr<connection>& c, std::exception_ptr failure,
                                    session main) {
  if (closed_) return gone(c->id);
  const time_point t = timer_->now();
  if (failure) {
    if (!c->overdue && !draining_) note_dial_failure(text_of_failure(failure));
    const error_code reason = error_of_failure(failure, errc::dial_failed);
    const error_code why = c->overdue ? asio::error::timed_out : reason;
    report(pool_event::kind::dial_failed, c->id, why);
    fail_waiting(policy_.dial_failed(c->id, t), why);
    return gone(c->id);
  }
  if (!policy_.connected(c->id, t)) return gone(c->id);
  c->main = std::move(main);
  c->connected = true;
  c->impl().watch_streams(c.get());
  c->local = c->impl().endpoint(endpoint_of::this_side);
  c->remote = c->impl().endpoint(endpoint_of::peer);
  report(pool_event::kind::connected, c->id);
  c->main.async_run(run_done{shared_from_this(), c});
  wake();
}

MUXPRO_DECL void pool_impl::note_dial_failure(std::string why) {
  ++counted_.dial_failures;
  counted_.last_failure = std::move(why);
}

MUXPRO_DECL void pool_impl::run_ended(const std::shared_ptr<connection>& c, error_code why) {
  if (closed_) return gone(c->id);
  if (!c->draining) ++counted_.connections_lost;
  if (!why) why = errc::connection_lost;
  if (c->draining)
    report(pool_event::kind::retired, c->id);
  else
    report(pool_event::kind::lost, c->id, why);
  fail_waiting(policy_.lost(c->id, timer_->now()), why);
  gone(c->id);
}

MUXPRO_DECL void pool_impl::start_draining(connection_id id) {
  const auto c = connections_.at(id);
  ++counted_.retired;
  c->draining = true;
  c->main.async_drain(drain_done{shared_from_this(), c});
}

// A place may be free for an open that waits, and what draining waits for may have happened.
MUXPRO_DECL void pool_impl::gone(connection_id id) {
  connections_.erase(id);
  if (!closed_) wake();
  if (!draining_ || !connections_.empty()) return;
  while (!drains_.empty()) drains_.pop_front().complete({});
}

// A slow sub-stream is soon alone on its main connection, which may then wait for it.
MUXPRO_DECL void pool_impl::queue_full(const connection& c) noexcept {
  if (closed_) return;
  policy_.retire(c.id);
  watch(time_point::min());
}

MUXPRO_DECL void pool_impl::stream_gone(connection& c, bool refused) noexcept {
  --c.streams;
  if (closed_) return;
  policy_.stream_gone(c.id, timer_->now(), refused);
  watch(waiting_.empty() && !was_full_ ? policy_.next_deadline() : time_point::min());
}

}  // namespace muxpro::detail
