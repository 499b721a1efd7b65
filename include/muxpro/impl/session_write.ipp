// The write loop of a session.
#pragma once

#include <muxpro/detail/session_impl.hpp>

#include <asio/redirect_error.hpp>

#include <utility>

namespace muxpro::detail {

inline auto session_impl::wait_for_output() {
  struct wait {
    session_impl* impl;
    bool await_ready() const noexcept { return false; }
    void await_suspend(loop::handle h) const noexcept { impl->writer_waits_ = loop::step(h); }
    void await_resume() const noexcept {}
  };
  return wait{this};
}

MUXPRO_DECL void session_impl::wake_writer(std::size_t more) {
  if (!writer_waits_) {
    if (!runs_) expect_run();
    return;
  }
  gather_size_ = queue_.waiting() + more;
  wake(executor_, writer_waits_);
}

inline auto session_impl::write_rest() {
  return transfer(executor_, stop_[stop_writes].slot(),
                  [this](transfer_step done) { next_layer_->start_write(outbox_.rest(), std::move(done)); });
}

inline auto session_impl::send_goodbye() {
  return transfer(executor_, stop_[stop_writes].slot(),
                  [this](transfer_step done) { next_layer_->start_shutdown(std::move(done)); });
}

MUXPRO_DECL loop session_impl::write_loop(std::shared_ptr<session_impl> self) {
  int turns = 0;
  while (!self->closed()) {
    if (self->goodbye_sent_) {
      co_await self->wait_for_output();
      continue;
    }
    for (int turn = 0; self->more_may_come(turn, turns); ++turn) co_await next_turn(self->executor_);
    if (self->closed()) break;
    if (!self->gather()) {
      self->check_drained();
      if (self->goodbye_due()) {
        co_await self->send_goodbye();
        if (!self->closed()) self->goodbye_sent();
        continue;
      }
      if (self->closed()) break;
      co_await self->wait_for_output();
      turns = 0;
      continue;
    }
    error_code ec;
    while (!self->outbox_.written() && !ec && !self->closed()) {
      const auto [failed, n] = co_await self->write_rest();
      ec = failed;
      ++self->counted_.writes;
      self->outbox_.advance(n);
      if (!self->outbox_.written()) self->write_watch_.progress(n, progress_floor, self->now());
    }
    self->write_watch_.stop();
    if (self->closed()) break;
    if (ec) {
      // What it could not write lands when the session has ended, and fails with it.
      self->spawn_loop(read_on(self, ec), stop_writes);
      co_return;
    }
    if (self->outbox_.shows_rate()) self->outbox_.drained(self->now());
    const bool writers_return = self->outbox_.complete_writes();
    // A writer whose bytes were sent writes again before the next gather is made. A relay reads between the
    // two, which takes another turn. Without other writers that turn is not waited for.
    turns = self->queue_.ready() > 0 ? 2 : writers_return ? 1 : 0;
    self->gather_size_ = self->queue_.waiting();
  }
  self->outbox_.complete_writes();
}

// Returns false if there is no frame to write, or no memory to write one.
MUXPRO_DECL bool session_impl::gather() {
  if (queue_.empty()) return false;
  const time_point begun = now();
  if (!outbox_.fill(begun)) {
    if (!queue_.empty()) close(errc::no_memory);
    return false;
  }
  write_watch_.start(begun);
  watch(write_watch_.deadline(options_.write_stall_timeout));
  return true;
}

// Sub-streams that follow each other closely share a gather. It is made after `least` turns, and when a turn
// has passed that brought no further frame. The peer should not be idle meanwhile, so a few frames are
// enough.
MUXPRO_DECL bool session_impl::more_may_come(int turn, int least) {
  constexpr int most = 16;
  constexpr std::size_t enough = 16;
  const strand_check::turn here(strand_, executor_);
  if (closed() || turn == most) return false;
  const std::size_t n = queue_.waiting();
  const bool grows = n > std::exchange(gather_size_, n);
  return turn < least || (grows && n < enough);
}

// A write can fail because the peer has closed after its last frame. The session continues to read until no
// more data is there, then it reports the error of the write. Meanwhile a slow consumer may keep the session
// from reading.
MUXPRO_DECL asio::awaitable<void> session_impl::read_on(std::shared_ptr<session_impl> self, error_code why) {
  constexpr int idle_turns = 4;  // a layer below may need some to bring the next bytes
  constexpr auto full_pause = std::chrono::milliseconds(10);
  self->write_error_ = why;
  context_timer turn(self->executor_);
  for (int idle = 0; idle < idle_turns && !self->closed(); ++idle) {
    const std::uint64_t reads = self->counted_.reads;
    error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await turn.async_wait_until(self->now() + (self->full_ ? full_pause : duration()), token);
    if (self->counted_.reads != reads || !self->unparsed_.empty()) idle = 0;
  }
  self->lost(why);
}

}  // namespace muxpro::detail
