// Debug builds find out that two threads use a session without a strand.
#pragma once

#include <muxpro/detail/pending_op.hpp>

#include <asio/strand.hpp>

#include <atomic>
#include <cassert>
#include <utility>

namespace muxpro::detail {

/// Remembers which thread does the work of an object. Misuse is found when two threads work at the same time,
/// when an operation is started by another thread than the executor's while that runs, and when the threads
/// of a plain io_context take turns. In builds with NDEBUG it costs its 24 bytes, since the layout of an
/// object must not depend on the build, and no instruction.
class strand_check {
 public:
  /// The object works on this thread until this goes.
  class turn {
   public:
    turn([[maybe_unused]] strand_check& check,
         [[maybe_unused]] const asio::any_io_executor& executor) noexcept
#if defined(NDEBUG)
        {}
#else
        : check_(check), before_(check.enter(executor)) {
    }
    ~turn() { check_.inside_.store(before_, std::memory_order_relaxed); }

   private:
    strand_check& check_;
    const void* before_;
#endif
  };

  /// An operation is started on this thread.
  void operation([[maybe_unused]] const asio::any_io_executor& executor) noexcept {
#if !defined(NDEBUG)
    const void* const me = this_thread();
    const void* const other = inside_.load(std::memory_order_relaxed);
    assert((!other || other == me) && "two threads use a session at the same time: run it on a strand");
    const void* const last = last_.exchange(me, std::memory_order_relaxed);
    assert((!last || last == me || may_start(executor)) &&
           "an operation is started outside of the session's executor: post to it first");
#endif
  }

 private:
  using io_strand = asio::strand<io_executor>;
  static constexpr int most_changes =
      64;  ///< of the thread, since a program may stop its io_context and run it again

  /// An address that no other thread has.
  static const void* this_thread() noexcept {
    static thread_local char mark = 0;
    return &mark;
  }

  const void* enter(const asio::any_io_executor& executor) noexcept {
    const void* const me = this_thread();
    const void* const before = inside_.exchange(me, std::memory_order_relaxed);
    assert((!before || before == me) && "two threads use a session at the same time: run it on a strand");
    const void* const last = last_.exchange(me, std::memory_order_relaxed);
    if (last && last != me && as_io_executor(executor)) ++changes_;
    assert(changes_ < most_changes && "several threads run the io_context of a session: run it on a strand");
    return before;
  }

  /// Whether this thread runs the executor, or no thread does as far as that can be known.
  static bool may_start(const asio::any_io_executor& executor) noexcept {
    if (const auto* const plain = as_io_executor(executor)) return may_start_on(*plain, *plain);
    if (executor.target_type() != typeid(io_strand)) return true;
    const auto& strand = *executor.target<io_strand>();
    return may_start_on(strand, strand.get_inner_executor());
  }
  template <class Executor>
  static bool may_start_on(const Executor& executor, const io_executor& inner) noexcept {
    return executor.running_in_this_thread() || asio::query(inner, asio::execution::context).stopped();
  }

  std::atomic<const void*> inside_{nullptr};
  std::atomic<const void*> last_{nullptr};
  int changes_ = 0;
};

}  // namespace muxpro::detail
