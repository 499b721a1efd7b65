// The coroutine of a session's reading and writing and of a relay's directions. asio::awaitable can do more,
// and each step of it costs three times as much.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/detail/recycled.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

namespace muxpro::detail {

/// A coroutine whose first parameter is the shared_ptr of its owner, which has
/// loop_ended(std::exception_ptr). It begins when its first step is called.
class loop {
 public:
  class promise_type;
  using handle = std::coroutine_handle<promise_type>;
  class step;

  explicit loop(handle suspended) noexcept : suspended_(suspended) {}
  loop(loop&& other) noexcept : suspended_(std::exchange(other.suspended_, nullptr)) {}
  ~loop() {
    if (suspended_) suspended_.destroy();
  }
  step first() && noexcept;

  /// Hands the next step to `taker`. If that throws without having kept the step, the loop is where it was
  /// and gets the exception. Returns false if the step was called inside, and the loop has to go on.
  template <class Taker>
  static bool suspend(handle h, const Taker& taker);

 private:
  handle suspended_;
};

class loop::promise_type {
 public:
  template <class Owner, class... More>
  explicit promise_type(const std::shared_ptr<Owner>& owner, const More&...) noexcept
      : owner_(owner.get()), ended_([](void* o, std::exception_ptr failure) {
          static_cast<Owner*>(o)->loop_ended(std::move(failure));
        }) {}
  static void* operator new(std::size_t size) { return recycled_memory::allocate(size); }
  static void operator delete(void* memory, std::size_t size) noexcept {
    recycled_memory::deallocate(memory, size);
  }

  loop get_return_object() noexcept { return loop(handle::from_promise(*this)); }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  auto final_suspend() const noexcept {
    struct end {
      bool await_ready() const noexcept { return false; }
      // The frame keeps its owner until it is destroyed. An exception of loop_ended() would end the process.
      void await_suspend(handle h) const noexcept {
        promise_type& p = h.promise();
        p.ended_(p.owner_, std::move(p.failure_));
        h.destroy();
      }
      void await_resume() const noexcept {}
    };
    return end();
  }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { failure_ = std::current_exception(); }

 private:
  friend class loop;

  /// What became of a step inside the call that it was handed to.
  enum class handover : std::uint8_t { kept, destroyed, called };

  void* const owner_;
  void (*const ended_)(void* owner, std::exception_ptr);
  std::exception_ptr failure_;
  handover* handover_ = nullptr;  ///< while a step is handed over
};

/// What resumes a suspended loop, as a handler for whatever it waits for. Destroyed without a call, it
/// destroys the loop.
class loop::step {
 public:
  using allocator_type = recycled_allocator<std::byte>;

  step() noexcept = default;
  explicit step(handle suspended) noexcept : suspended_(suspended) {}
  step(step&& other) noexcept : suspended_(std::exchange(other.suspended_, nullptr)) {}
  step& operator=(step other) noexcept {
    std::swap(suspended_, other.suspended_);
    return *this;
  }
  ~step() {
    if (!suspended_) return;
    if (auto* const now = suspended_.promise().handover_)
      *now = promise_type::handover::destroyed;
    else
      suspended_.destroy();
  }

  explicit operator bool() const noexcept { return static_cast<bool>(suspended_); }
  allocator_type get_allocator() const noexcept { return {}; }
  /// Inside the call that the step was handed to it only takes a note, and suspend() returns false.
  void operator()() {
    const handle h = release();
    if (auto* const now = h.promise().handover_)
      *now = promise_type::handover::called;
    else
      h.resume();
  }
  handle release() noexcept { return std::exchange(suspended_, nullptr); }

 private:
  handle suspended_;
};

inline loop::step loop::first() && noexcept { return step(std::exchange(suspended_, nullptr)); }

template <class Taker>
bool loop::suspend(handle h, const Taker& taker) {
  using handover = promise_type::handover;
  promise_type& p = h.promise();
  handover now = handover::kept;
  p.handover_ = &now;
  try {
    taker(step(h));
  } catch (...) {
    p.handover_ = nullptr;
    if (now != handover::destroyed) return now == handover::kept;  // the taker keeps the step
    throw;
  }
  p.handover_ = nullptr;
  if (now == handover::kept) return true;
  if (now == handover::called) return false;
  h.destroy();
  return true;
}

inline void post_step(const asio::any_io_executor& executor, loop::step s) {
  if (const auto* const plain = as_io_executor(executor))
    post_to(*plain, std::move(s));
  else
    post_to(executor, std::move(s));
}

/// The same for a step that waits. It goes on waiting if that throws.
inline void wake(const asio::any_io_executor& executor, loop::step& waiting) {
  const loop::handle h = waiting.release();
  try {
    if (!loop::suspend(h, [&](loop::step s) { post_step(executor, std::move(s)); })) h.resume();
  } catch (...) {
    waiting = loop::step(h);
    throw;
  }
}

/// co_await next_turn(executor) continues behind what the executor has to do now.
class next_turn {
 public:
  explicit next_turn(const asio::any_io_executor& executor) noexcept : executor_(executor) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(loop::handle h) const {
    return loop::suspend(h, [this](loop::step s) { post_step(executor_, std::move(s)); });
  }
  void await_resume() const noexcept {}

 private:
  const asio::any_io_executor& executor_;
};

/// The handler of a read or write, or of an operation without a count. It names its executor, because a
/// stream may do its work on an executor other than its own.
class transfer_step {
 public:
  using allocator_type = loop::step::allocator_type;
  using cancellation_slot_type = asio::cancellation_slot;
  using executor_type = asio::any_io_executor;
  struct result {
    error_code error;
    std::size_t bytes = 0;
  };

  transfer_step(loop::step next, result& to, const executor_type& executor,
                asio::cancellation_slot slot) noexcept
      : next_(std::move(next)), to_(&to), executor_(&executor), slot_(slot) {}
  allocator_type get_allocator() const noexcept { return {}; }
  cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }
  const executor_type& get_executor() const noexcept { return *executor_; }
  void operator()(error_code ec, std::size_t n = 0) {
    *to_ = {ec, n};
    slot_.clear();
    next_();
  }

 private:
  loop::step next_;
  result* to_;
  const executor_type* executor_;
  asio::cancellation_slot slot_;
};

/// Awaits a transfer that `start(transfer_step)` begins. `slot` cancels it. `executor` must outlive it.
template <class Start>
class transfer {
 public:
  transfer(const asio::any_io_executor& executor, asio::cancellation_slot slot, Start start)
      : executor_(executor), slot_(slot), start_(std::move(start)) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(loop::handle h) {
    try {
      return loop::suspend(
          h, [this](loop::step s) { start_(transfer_step(std::move(s), result_, executor_, slot_)); });
    } catch (...) {
      slot_.clear();
      throw;
    }
  }
  transfer_step::result await_resume() const noexcept { return result_; }

 private:
  const asio::any_io_executor& executor_;
  asio::cancellation_slot slot_;
  Start start_;
  transfer_step::result result_;
};

}  // namespace muxpro::detail
