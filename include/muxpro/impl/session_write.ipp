// The write loop of a session.
#pragma once

#include <muxpro/detail/session_impl.hpp>

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>

#include <utility>

namespace muxpro::detail {

struct session_impl::wait_for_output {
  session_impl* impl;
  template <class Handler>
  void operator()(Handler&& handler) const {
    impl->writer_waits_ = park<pending_op<>>(std::forward<Handler>(handler), impl->executor_, [](auto*) {});
  }
};

MUXPRO_DECL void session_impl::wake_writer() {
  if (writer_waits_) std::exchange(writer_waits_, nullptr)->complete();
}

MUXPRO_DECL asio::awaitable<void> session_impl::write_loop(std::shared_ptr<session_impl> self) {
  while (!self->closed()) {
    if (!self->outbox_.fill(self->now())) {
      self->check_drained();
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(wait_for_output{self.get()},
                                                                           asio::use_awaitable);
      continue;
    }
    self->write_watch_.start(self->now());
    self->watch(self->write_watch_.deadline(self->options_.write_stall_timeout));
    error_code ec;
    while (!self->outbox_.written() && !ec) {
      const std::size_t n = co_await self->transport_->write_some(self->outbox_.rest(), ec);
      ++self->counted_.writes;
      self->outbox_.advance(n);
      self->write_watch_.progress(n, 1, self->now());
    }
    self->write_watch_.stop();
    if (self->closed()) break;
    if (ec) {
      co_await self->read_on(ec);
      break;
    }
    self->outbox_.land();
    // Whoever was served comes back with its next write before the next gather is made; a relay has a read to do
    // between the two, which takes a turn of its own. Without rivals it need not be waited for.
    const int turns = self->queue_.ready() > 0 ? 2 : 1;
    for (int i = 0; i < turns; ++i) co_await asio::post(self->executor_, asio::use_awaitable);
  }
  self->outbox_.land();
}

// A peer that has said all and closed refuses our next frame, and what it said may still wait to be read: the
// session lives on while there is something to read at hand.
MUXPRO_DECL asio::awaitable<void> session_impl::read_on(error_code why) {
  constexpr int idle_turns = 4;  // a layer below may need some to bring the next bytes
  write_error_ = why;
  wake_up turn(executor_);
  for (int idle = 0; idle < idle_turns && !closed(); ++idle) {
    const std::uint64_t reads = counted_.reads;
    error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await turn.async_wait_until(now(), token);
    if (counted_.reads != reads || !unparsed_.empty()) idle = 0;
  }
  lost(why);
}

}  // namespace muxpro::detail
