// The connections that a layer serves over one. Ring 4.
#pragma once

#include <muxpro/one_shot.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

namespace muxpro::proxy {

/// Belongs to one strand.
class served_connections : public std::enable_shared_from_this<served_connections> {
 public:
  served_connections(asio::any_io_executor executor, transport::server serve)
      : executor_(std::move(executor)), serve_(std::move(serve)) {}

  /// Begins in a turn of its own. An exception costs this connection alone. `then` is called behind its end.
  void serve(std::shared_ptr<connection> c, std::function<void()> then = {}) {
    run(serve_(std::move(c)), std::move(then));
  }
  /// Another coroutine that is waited for.
  void run(asio::awaitable<void> work, std::function<void()> then = {}) {
    ++open_;
    asio::post(executor_, [self = shared_from_this(), w = std::move(work), t = std::move(then)]() mutable {
      asio::co_spawn(self->executor_, std::move(w), [self, t = std::move(t)](std::exception_ptr) {
        if (t) t();
        self->one_ended();
      });
    });
  }
  /// Completes when all have ended. No connection may begin then.
  /// Errors: none.
  /// Cancellation: not supported.
  asio::awaitable<void> all_ended() {
    if (open_ == 0) co_return;
    waits_ = true;
    co_await none_left_.async_wait(executor_);
  }

 private:
  void one_ended() {
    if (--open_ == 0 && waits_) none_left_.set({});
  }

  const asio::any_io_executor executor_;
  const transport::server serve_;
  std::size_t open_ = 0;
  bool waits_ = false;  ///< for none_left_
  one_shot none_left_;
};

}  // namespace muxpro::proxy
