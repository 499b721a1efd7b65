// Wakes coroutines of other threads. Ring 4.
#pragma once

#include "proxy/net/or_error.hpp"

#include <muxpro/options.hpp>
#include <muxpro/timer.hpp>

#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Something that changes under a mutex, and those that wait for that. The mutex and it outlive the waits.
class thread_signal {
 public:
  /// Completes with true when `ready` returns true, which is called under the mutex, or with false at
  /// `limit`. Errors: none. Cancellation (terminal): throws operation_aborted.
  template <class Ready>
  asio::awaitable<bool> wait(std::mutex& mutex, Ready ready, time_point limit) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    waiter own(*this, mutex, executor);
    for (;;) {
      {
        const std::lock_guard lock(mutex);
        if (ready()) co_return true;
        own.enter();
      }
      if (std::chrono::steady_clock::now() >= limit) co_return false;
      own.timer->expires_at(limit);
      std::error_code woken;
      co_await own.timer->async_wait(or_error(woken));
    }
  }
  /// Under the mutex.
  void wake_all() {
    for (const entry& e : std::exchange(waiting_, {}))
      asio::post(e.executor, [weak = e.timer] {
        if (const auto timer = weak.lock()) timer->cancel();
      });
  }

 private:
  struct entry {
    asio::any_io_executor executor;
    std::weak_ptr<counted_timer> timer;
    const void* of;
  };
  /// Leaves when its coroutine is destroyed, so that no context is woken that has gone.
  struct waiter {
    waiter(thread_signal& s, std::mutex& m, const asio::any_io_executor& e)
        : of(s), mutex(m), executor(e), timer(std::make_shared<counted_timer>(e)) {}
    waiter(const waiter&) = delete;
    ~waiter() {
      const std::lock_guard lock(mutex);
      leave();
    }
    void enter() {
      leave();
      of.waiting_.push_back({executor, timer, this});
    }
    void leave() noexcept {
      std::erase_if(of.waiting_, [this](const entry& e) { return e.of == this; });
    }
    thread_signal& of;
    std::mutex& mutex;
    const asio::any_io_executor executor;
    const std::shared_ptr<counted_timer> timer;
  };

  std::vector<entry> waiting_;
};

}  // namespace muxpro::proxy
