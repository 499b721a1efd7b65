// thread_memory, a large block for one read or write, which the thread keeps for the next one.
#pragma once

#include <muxpro/detail/recycled.hpp>

#include <cstddef>
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

}  // namespace muxpro::detail
