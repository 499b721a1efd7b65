// thread_memory: a large block for one read or write, which the thread keeps for the next one.
#pragma once

#include <muxpro/detail/recycled.hpp>

#include <cstddef>
#include <new>
#include <span>
#include <utility>

namespace muxpro::detail {

/// Sessions and relays hold a block while bytes pass through it, and none while they wait. All of a thread
/// use the same few blocks, which stay in its caches however many they are. Sanitizers see every block.
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
    bool begun = false;
    bool ended = false;
  };
  struct end_of_thread {
    ~end_of_thread() {
      kept& k = of_this_thread();
      k.ended = true;
      for (block& b : k.blocks) delete[] std::exchange(b, {}).data();
    }
  };

  // The object has no destructor, so that an access need not check whether it was constructed.
  static kept& of_this_thread() noexcept {
    static constinit thread_local kept k;
    return k;
  }
  static block kept_block(std::size_t size) noexcept {
    for (block& b : of_this_thread().blocks)
      if (b.size() >= size) return std::exchange(b, {});
    return {};
  }
  static bool keep(const block& b) noexcept {
    kept& k = of_this_thread();
    if (!recycles_memory || k.ended) return false;
    if (!std::exchange(k.begun, true)) static thread_local end_of_thread end;
    for (block& place : k.blocks) {
      if (!place.empty()) continue;
      place = b;
      return true;
    }
    return false;
  }

  block block_;
};

}  // namespace muxpro::detail
