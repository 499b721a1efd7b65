// The memory that all sessions of a process share. Ring 0.
#pragma once

#include <muxpro/config.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace muxpro {

/// Bytes promised or held by all sessions of a process. It is the one object that threads share.
///
/// Users have shares: 80 % of the limit, divided by the users that hold much. From 80 % on crowded() is true
/// for holders whose user holds more than a share. When 95 % are used, the user with the most unread bytes
/// loses its largest holder, one holder at a time.
class buffer_budget {
  /// What all holders of a user hold together.
  struct share {
    std::atomic<std::uint64_t> held{0};
    std::string user;
    std::size_t holders = 0;  ///< that have joined
  };

 public:
  /// A session with unread bytes.
  class holder {
   public:
    std::uint64_t held() const noexcept { return held_.load(std::memory_order_relaxed); }

   protected:
    ~holder() = default;
    /// Called on any thread, under the budget's lock. Only begins to free memory, and calls leave() when that
    /// is done. Returns false if it cannot.
    virtual bool release_memory() noexcept = 0;

   private:
    friend class buffer_budget;
    std::atomic<std::uint64_t> held_{0};  ///< written by the holder's thread alone
    std::size_t place_ = 0;               ///< in holders_, counted from 1, 0 if it is not there
    share own_;
    std::shared_ptr<share> of_user_;
    share* share_ = &own_;
  };

  explicit buffer_budget(std::uint64_t limit) noexcept : limit_(limit) {}

  /// Takes `n` if that leaves the total within `part` of the limit (0..1).
  bool try_take(std::uint64_t n, double part = 1) noexcept {
    const auto most = static_cast<std::uint64_t>(static_cast<double>(limit_) * part);
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (n > most || used > most - n) return false;
    } while (!used_.compare_exchange_weak(used, used + n, std::memory_order_relaxed));
    return true;
  }
  /// Bytes that were admitted already are counted even above the limit.
  void take(std::uint64_t n) noexcept { used_.fetch_add(n, std::memory_order_relaxed); }
  void give(std::uint64_t n) noexcept { used_.fetch_sub(n, std::memory_order_relaxed); }

  /// Called before `h` takes bytes. Holders of one `user` have one share. If `user` is empty, `h` has a share
  /// of its own.
  void join(holder& h, const std::string& user = {});
  /// Its bytes stay counted until they are given back.
  void leave(holder& h) noexcept;
  /// Whether `h` should take less: 95 % are used, or 80 % while its user holds more than a share. A user that
  /// holds less than 0.1 % is not refused while the largest holder is about to leave.
  bool crowded(const holder& h) const noexcept {
    const std::uint64_t used = this->used(), mine = h.share_->held.load(std::memory_order_relaxed);
    if (mine < counts_from() && evicting_.load(std::memory_order_relaxed)) return false;
    return used >= limit_ - limit_ / 20 || (used >= shared() && mine > shared() / users_that_count());
  }
  /// Unread bytes, which credit has admitted.
  void take(holder& h, std::uint64_t n) noexcept {
    h.held_.store(h.held() + n, std::memory_order_relaxed);
    const std::uint64_t before = h.share_->held.fetch_add(n, std::memory_order_relaxed);
    if (before < counts_from() && before + n >= counts_from()) ++large_users_;
    if (used_.fetch_add(n, std::memory_order_relaxed) + n > limit_ - limit_ / 20) evict_largest();
  }
  void give(holder& h, std::uint64_t n) noexcept {
    h.held_.store(h.held() - n, std::memory_order_relaxed);
    const std::uint64_t before = h.share_->held.fetch_sub(n, std::memory_order_relaxed);
    if (before >= counts_from() && before - n < counts_from()) --large_users_;
    give(n);
  }

  std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const noexcept { return limit_; }
  double level() const noexcept { return static_cast<double>(used()) / static_cast<double>(limit_); }

 private:
  void evict_largest() noexcept;
  /// What users have shares of.
  std::uint64_t shared() const noexcept { return limit_ - limit_ / 5; }
  /// A user that holds less does not reduce the shares of others. Thus a thousand users at most make them
  /// smaller.
  std::uint64_t counts_from() const noexcept { return limit_ / 1000 + 1; }
  std::uint32_t users_that_count() const noexcept {
    return std::max(1u, large_users_.load(std::memory_order_relaxed));
  }

  std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint32_t> large_users_{0};  ///< users that hold counts_from() or more
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<share>> users_;
  std::vector<holder*> holders_;
  std::atomic<holder*> evicting_{nullptr};  ///< written under the lock
};

/// The budget of sessions without one of their own: 25 % of the machine's RAM, at most 512 MiB.
std::shared_ptr<buffer_budget> process_wide_budget();

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/buffer_budget.ipp>
#endif
