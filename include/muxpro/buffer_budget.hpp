// The memory that all sessions of a process share. Ring 0.
#pragma once

#include <muxpro/config.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace muxpro {

/// Bytes promised or held, shared by all sessions of a process: the one object that threads share.
/// When 95 % are used, the holder of the most unread bytes must release them, one holder at a time.
class buffer_budget {
 public:
  /// Something that holds unread bytes.
  class holder {
   public:
    std::uint64_t held() const noexcept { return held_.load(std::memory_order_relaxed); }

   protected:
    ~holder() = default;
    /// On any thread, under the budget's lock: only sets about it, and leave()s when it is done.
    /// False if it cannot.
    virtual bool let_go() noexcept = 0;

   private:
    friend class buffer_budget;
    std::atomic<std::uint64_t> held_{0};  ///< written by the holder's thread alone
    std::size_t place_ = 0;               ///< in holders_, counted from 1; 0: not there
  };

  explicit buffer_budget(std::uint64_t limit) noexcept : limit_(limit) {}

  /// Takes `n` if that leaves the total within `share` of the limit (0..1).
  bool try_take(std::uint64_t n, double share = 1) noexcept {
    const auto most = static_cast<std::uint64_t>(static_cast<double>(limit_) * share);
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (n > most || used > most - n) return false;
    } while (!used_.compare_exchange_weak(used, used + n, std::memory_order_relaxed));
    return true;
  }
  /// Bytes that were admitted already are counted even above the limit.
  void take(std::uint64_t n) noexcept { used_.fetch_add(n, std::memory_order_relaxed); }
  void give(std::uint64_t n) noexcept { used_.fetch_sub(n, std::memory_order_relaxed); }

  void join(holder& h);
  /// Its bytes stay counted until they are given back.
  void leave(holder& h) noexcept;
  /// Unread bytes, which credit has admitted.
  void take(holder& h, std::uint64_t n) noexcept {
    h.held_.store(h.held() + n, std::memory_order_relaxed);
    if (used_.fetch_add(n, std::memory_order_relaxed) + n > limit_ - limit_ / 20) shed();
  }
  void give(holder& h, std::uint64_t n) noexcept {
    h.held_.store(h.held() - n, std::memory_order_relaxed);
    give(n);
  }

  std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const noexcept { return limit_; }
  double level() const noexcept { return static_cast<double>(used()) / static_cast<double>(limit_); }

 private:
  void shed() noexcept;

  std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
  std::mutex mutex_;
  std::vector<holder*> holders_;
  holder* letting_go_ = nullptr;
};

/// The budget of sessions without one of their own: 25 % of the machine's RAM, at most 512 MiB.
std::shared_ptr<buffer_budget> process_wide_budget();

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/buffer_budget.ipp>
#endif
