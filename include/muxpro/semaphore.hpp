// A 64-bit counting semaphore whose waiters are completion handlers. Ring 2, useful alone.
#pragma once

#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/detail/semaphore_core.hpp>

#include <cstdint>
#include <utility>

namespace muxpro {

/// FIFO, cancellable, closable. Waiters complete by post, never inside release() or close().
/// Not thread-safe. Use it on one strand. Destroying it ends its waiters with operation_aborted.
class semaphore final : private detail::shutdown_participant {
 public:
  explicit semaphore(asio::any_io_executor executor, std::uint64_t initial = 0)
      : executor_(std::move(executor)), core_(initial) {
    register_with(executor_);
  }
  ~semaphore() { core_.close(asio::error::operation_aborted); }

  using executor_type = asio::any_io_executor;
  executor_type get_executor() const noexcept { return executor_; }

  std::uint64_t available() const noexcept { return core_.available(); }
  bool closed() const noexcept { return static_cast<bool>(core_.closed()); }

  /// Takes all of `n`. Takes no units while others wait and after close().
  bool try_acquire(std::uint64_t n) { return core_.try_acquire(n, n) == n; }
  /// Takes as many units as there are, at most `most`. Takes 0 while others wait or after close().
  std::uint64_t try_acquire_some(std::uint64_t most) { return core_.try_acquire(1, most); }

  /// Takes exactly `n`.
  /// Signature: void(error_code, std::uint64_t acquired). Completes when its turn has come and `n` are there.
  /// Errors: what close() was given. Cancellation (any type): operation_aborted, nothing was taken.
  template <class Token = asio::use_awaitable_t<>>
  auto async_acquire(std::uint64_t n, Token&& token = {}) {
    return start(n, n, std::forward<Token>(token));
  }

  /// Takes at least 1 and at most `most`. Otherwise as async_acquire().
  template <class Token = asio::use_awaitable_t<>>
  auto async_acquire_some(std::uint64_t most, Token&& token = {}) {
    return start(most == 0 ? 0 : 1, most, std::forward<Token>(token));
  }

  /// Adds `n` and completes the waiters that it satisfies, in order. Ignored after close().
  void release(std::uint64_t n = 1) { core_.release(n); }

  /// Waiters and all later acquires end with `reason`. The first reason stays.
  void close(error_code reason = asio::error::operation_aborted) { core_.close(reason); }

 private:
  struct acquire_op : detail::pending_op<error_code, std::uint64_t>, detail::semaphore_core::waiter {
    acquire_op(std::uint64_t least, std::uint64_t most) : waiter(least, most) {}
    void granted(std::uint64_t n) override { complete({}, n); }
    void failed(error_code reason) override { complete(reason, 0); }
    void abandoned() noexcept override { drop(); }
  };

  struct start_acquire {
    semaphore* self;

    using executor_type = asio::any_io_executor;
    executor_type get_executor() const noexcept { return self->executor_; }
    template <class Handler>
    void operator()(Handler&& handler, std::uint64_t least, std::uint64_t most) const {
      auto& core = self->core_;
      const std::uint64_t n = core.try_acquire(least, most);
      if (core.closed() || n >= least) {
        detail::post_completion(std::forward<Handler>(handler), self->executor_, core.closed(), n);
        return;
      }
      const auto cancel = detail::cancel_by<&semaphore::cancel>(self);
      core.wait(*detail::make_pending_op<acquire_op>(std::forward<Handler>(handler), self->executor_, cancel,
                                                     least, most));
    }
  };

  void cancel(acquire_op* op) {
    core_.leave(*op);
    op->complete(asio::error::operation_aborted, 0);
  }

  template <class Token>
  auto start(std::uint64_t least, std::uint64_t most, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::uint64_t)>(start_acquire{this}, token, least,
                                                                        most);
  }

  void context_destroyed() noexcept override {
    executor_ = {};
    core_.abandon();
  }

  asio::any_io_executor executor_;
  detail::semaphore_core core_;
};

}  // namespace muxpro
