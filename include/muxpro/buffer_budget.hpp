// The memory that all sessions of a process share. Ring 0.
#pragma once

#include <muxpro/config.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace muxpro {

/// Bytes promised or held, shared by all sessions of a process: the one object that threads share.
class buffer_budget {
 public:
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
  /// Bytes that were admitted by credit already are counted even above the limit.
  void take(std::uint64_t n) noexcept { used_.fetch_add(n, std::memory_order_relaxed); }
  void give(std::uint64_t n) noexcept { used_.fetch_sub(n, std::memory_order_relaxed); }

  std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const noexcept { return limit_; }
  double level() const noexcept { return static_cast<double>(used()) / static_cast<double>(limit_); }

 private:
  std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
};

/// The budget of sessions that name none: 25 % of the machine's RAM, at most 512 MiB.
std::shared_ptr<buffer_budget> process_wide_budget();

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/buffer_budget.ipp>
#endif
