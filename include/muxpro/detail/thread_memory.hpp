// thread_memory, a large block for one read or write, which the thread keeps for the next one, and
// last_memory, a small one where there is no memory.
#pragma once

#include <muxpro/detail/recycled.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace muxpro::detail {

/// Sessions and relays hold a block while bytes pass through it, and no block while they wait. All sessions
/// and relays of a thread use the same few blocks, which stay in its caches. Sanitizers see every block.
class thread_memory {
 public:
  thread_memory() noexcept = default;
  thread_memory(thread_memory&& other) noexcept : block_(std::exchange(other.block_, {})) {}
  thread_memory& operator=(thread_memory&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~thread_memory() { give_back(); }

  /// The first `size` bytes of a block. What it held is lost. Throws std::bad_alloc.
  std::span<std::byte> take(std::size_t size) {
    if (block_.size() < size) {
      give_back();
      block_ = kept_block(size);
      if (block_.empty()) block_ = {new std::byte[size], size};
    }
    return block_.first(size);
  }
  void give_back() noexcept {
    const block b = std::exchange(block_, {});
    if (!b.empty() && !keep(b)) delete[] b.data();
  }
  std::span<const std::byte> taken() const noexcept { return block_; }

 private:
  using block = std::span<std::byte>;
  static constexpr std::size_t most_kept = 4;

  struct kept {
    block blocks[most_kept];
    std::size_t count = 0;
    std::size_t limit = 0;  ///< 0 before the first block comes and after the thread's end
    bool begun = false;
  };
  struct end_of_thread {
    ~end_of_thread() {
      kept& k = of_this_thread();
      k.limit = 0;
      while (k.count > 0) delete[] k.blocks[--k.count].data();
    }
  };

  // The object has no destructor, so that an access need not check whether it was constructed.
  static kept& of_this_thread() noexcept {
    static constinit thread_local kept k;
    return k;
  }
  static block kept_block(std::size_t size) noexcept {
    kept& k = of_this_thread();
    if (k.count == 0 || k.blocks[k.count - 1].size() < size) return {};
    return k.blocks[--k.count];
  }
  static bool keep(const block& b) noexcept {
    kept& k = of_this_thread();
    if (k.count == k.limit && !begin_to_keep(k)) return false;
    k.blocks[k.count++] = b;
    return true;
  }
  /// False if there is no room, or the thread is about to end.
  static bool begin_to_keep(kept& k) noexcept {
    if (!recycles_memory || std::exchange(k.begun, true)) return false;
    static thread_local end_of_thread end;
    k.limit = most_kept;
    return true;
  }

  block block_;
};

/// One of a few small blocks that a process has from its start, so that sessions go on without memory. Any
/// thread.
class last_memory {
 public:
  static constexpr std::size_t size = 832;

  last_memory() noexcept = default;
  last_memory(const last_memory&) = delete;
  last_memory& operator=(const last_memory&) = delete;
  ~last_memory() { give_back(); }

  /// Empty if all blocks are in use.
  std::span<std::byte> take() noexcept {
    if (place_ == none) place_ = free_place();
    return taken();
  }
  void give_back() noexcept {
    if (place_ != none) used_.fetch_and(~(std::uint32_t{1} << place_), std::memory_order_release);
    place_ = none;
  }
  std::span<std::byte> taken() const noexcept {
    return place_ == none ? std::span<std::byte>() : std::span<std::byte>(blocks_[place_].bytes);
  }

 private:
  static constexpr std::size_t most = 32, none = most;
  struct block {
    alignas(std::max_align_t) std::array<std::byte, size> bytes;
  };

  static std::size_t free_place() noexcept {
    std::uint32_t used = used_.load(std::memory_order_relaxed);
    for (;;) {
      const auto place = static_cast<std::size_t>(std::countr_one(used));
      if (place == most) return none;
      const std::uint32_t with_it = used | std::uint32_t{1} << place;
      if (used_.compare_exchange_weak(used, with_it, std::memory_order_acquire)) return place;
    }
  }

  static inline std::array<block, most> blocks_;
  static inline std::atomic<std::uint32_t> used_{0};
  std::size_t place_ = none;
};

}  // namespace muxpro::detail
