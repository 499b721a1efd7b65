// semaphore_core, the counter and waiters of a semaphore, without an executor. A sub-stream's send credit is
// one.
#pragma once

#include <muxpro/detail/intrusive_list.hpp>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <limits>
#include <system_error>

namespace muxpro::detail {

class semaphore_core {
 public:
  /// Waits for `least` and takes up to `most`. Exactly one of the three is called, once,
  /// after the waiter has left the queue.
  class waiter : public list_node<> {
   public:
    waiter(std::uint64_t least, std::uint64_t most) noexcept : least_(least), most_(most) {}
    virtual void granted(std::uint64_t n) = 0;
    virtual void failed(std::error_code reason) = 0;
    virtual void abandoned() noexcept = 0;
    void want(std::uint64_t least, std::uint64_t most) noexcept {
      least_ = least;
      most_ = most;
    }

   protected:
    ~waiter() = default;

   private:
    friend class semaphore_core;
    std::uint64_t least_, most_;
  };

  explicit semaphore_core(std::uint64_t initial) noexcept : available_(initial) {}
  ~semaphore_core() { abandon(); }

  std::uint64_t available() const noexcept { return available_; }
  std::error_code closed() const noexcept { return closed_; }
  bool contended() const noexcept { return !waiters_.empty(); }

  /// Returns between `least` and `most`, or 0. A caller does not overtake a waiter.
  std::uint64_t try_acquire(std::uint64_t least, std::uint64_t most) noexcept {
    if (closed_ || contended() || available_ < least) return 0;
    return take(most);
  }

  void wait(waiter& w) noexcept { waiters_.push_back(w); }

  void release(std::uint64_t n) {
    if (closed_) return;
    assert(n <= std::numeric_limits<std::uint64_t>::max() - available_ && "a 64-bit balance never wraps");
    available_ += n;
    grant();
  }

  /// `w` stops waiting. Waiters behind it may complete at once.
  void leave(waiter& w) {
    w.unlink();
    grant();
  }

  void close(std::error_code reason) {
    if (closed_) return;
    closed_ = reason;
    intrusive_list<waiter> waiters;
    waiters.splice(waiters_);
    while (!waiters.empty()) waiters.pop_front().failed(reason);
  }

  void abandon() noexcept {
    intrusive_list<waiter> waiters;
    waiters.splice(waiters_);
    while (!waiters.empty()) waiters.pop_front().abandoned();
  }

 private:
  void grant() {
    while (contended() && available_ >= waiters_.front().least_) {
      waiter& next = waiters_.pop_front();
      next.granted(take(next.most_));
    }
  }

  std::uint64_t take(std::uint64_t most) noexcept {
    const std::uint64_t n = std::min(available_, most);
    available_ -= n;
    return n;
  }

  std::uint64_t available_;
  std::error_code closed_;
  intrusive_list<waiter> waiters_;
};

}  // namespace muxpro::detail
