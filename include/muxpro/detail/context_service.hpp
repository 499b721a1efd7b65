// context_service: drops waiting handlers when their execution context is destroyed first, provides a clock
// that tests can replace, and counts timers.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/intrusive_list.hpp>

#include <asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <utility>

namespace muxpro::detail {

using clock = std::chrono::steady_clock;

/// Base of classes that keep handlers of operations. The final class registers in its constructor.
class shutdown_participant : private list_node<> {
 public:
  shutdown_participant() = default;
  shutdown_participant(const shutdown_participant&) = delete;
  shutdown_participant& operator=(const shutdown_participant&) = delete;

 protected:
  ~shutdown_participant() { unregister(); }
  void register_with(const asio::any_io_executor& executor);
  void unregister() noexcept;
  /// Called when the context is destroyed. Must drop every handler and every I/O object. May destroy
  /// *this. Must not run user code other than destructors.
  virtual void context_destroyed() noexcept = 0;

 private:
  friend class context_service;
  template <class, class>
  friend class intrusive_list;
  class context_service* service_ = nullptr;
};

class counted_timer;
class context_timer;

class context_service final : public asio::execution_context::service {
 public:
  using key_type = context_service;
  static asio::execution_context::id id;

  explicit context_service(asio::execution_context& context) : service(context) {}

  clock::time_point now() const {
    if (!manual_) return clock::now();
    std::lock_guard lock(mutex_);
    return manual_now_;
  }

  /// Time stands still from now on and moves by advance() only.
  void make_manual() {
    std::lock_guard lock(mutex_);
    manual_now_ = clock::now();
    manual_ = true;
  }
  void advance(clock::duration by);
  /// The earliest time that a timer waits for, or time_point::max().
  clock::time_point next_expiry();
  /// The number of timers that exist, with and without a wait. Any thread.
  std::size_t timers() const noexcept { return timers_.load(std::memory_order_relaxed); }

 private:
  friend class counted_timer;
  friend class shutdown_participant;
  friend class context_timer;
  void shutdown() noexcept override;

  mutable std::mutex mutex_;
  intrusive_list<shutdown_participant> participants_;
  intrusive_list<context_timer> waiting_;
  bool manual_ = false;
  clock::time_point manual_now_{};
  std::atomic<std::size_t> timers_{0};
};

inline context_service& service_of(const asio::any_io_executor& executor) {
  return asio::use_service<context_service>(asio::query(executor, asio::execution::context));
}

/// Asio's timer, which the context_service counts.
class counted_timer : public asio::steady_timer {
 public:
  template <class... Expiry>
  explicit counted_timer(const asio::any_io_executor& executor, const Expiry&... expiry)
      : asio::steady_timer(executor, expiry...), service_(service_of(executor)) {
    count();
  }
  counted_timer(counted_timer&& other) : asio::steady_timer(std::move(other)), service_(other.service_) {
    count();
  }
  counted_timer& operator=(counted_timer&&) = delete;
  ~counted_timer() { service_.timers_.fetch_sub(1, std::memory_order_relaxed); }

  context_service& service() const noexcept { return service_; }

 private:
  void count() noexcept { service_.timers_.fetch_add(1, std::memory_order_relaxed); }
  context_service& service_;
};

/// A timer on the context's clock. Its waits end early when it is set again or cancelled, so that a waiter
/// compares the clock and ignores the error.
class context_timer : private list_node<> {
 public:
  explicit context_timer(const asio::any_io_executor& executor) : timer_(executor) {}
  ~context_timer() { unregister(); }

  clock::time_point now() const { return timer_.service().now(); }

  /// Signature void(error_code). Ends at `when`, or earlier with operation_aborted.
  template <class Token>
  auto async_wait_until(clock::time_point when, Token&& token) {
    set(when);
    return timer_.async_wait(std::forward<Token>(token));
  }
  void cancel() noexcept {
    unregister();
    try {
      timer_.cancel();
    } catch (...) {
    }
  }

 private:
  friend class context_service;
  template <class, class>
  friend class intrusive_list;
  void set(clock::time_point when);
  void unregister() noexcept;

  counted_timer timer_;
  clock::time_point when_ = clock::time_point::max();
};

}  // namespace muxpro::detail

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/context_service.ipp>
#endif
