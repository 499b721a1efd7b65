// Bytes on their way from a writer to a reader, in a ring that holds memory only while it holds bytes.
#pragma once

#include <muxpro/config.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace muxpro::detail {

/// Unbounded, since its callers have a limit. Memory is at most 8 times the bytes held, or 1 KiB.
class byte_ring {
 public:
  byte_ring() noexcept = default;
  byte_ring(const byte_ring&) = delete;
  byte_ring& operator=(const byte_ring&) = delete;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Returns the bytes of memory held, 0 while empty.
  std::size_t allocated() const noexcept { return room_; }

  /// Appends all of `in`. Throws std::bad_alloc without memory. Then no byte was appended.
  void push(std::span<const std::byte> in) {
    if (in.empty()) return;
    if (in.size() > room_ - size_) move_to(room_for(in.size()));
    const std::size_t tail = (head_ + size_) & (room_ - 1);
    const std::size_t first = std::min(in.size(), room_ - tail);
    std::memcpy(memory_.get() + tail, in.data(), first);
    if (first < in.size()) std::memcpy(memory_.get(), in.data() + first, in.size() - first);
    size_ += in.size();
  }

  /// Moves the oldest bytes to `out`, as many as there are and fit.
  std::size_t pop(std::span<std::byte> out) noexcept {
    const std::size_t n = std::min(out.size(), size_);
    if (n == 0) return 0;
    copy_to(out.data(), n);
    consume(n);
    return n;
  }

  /// Returns the oldest contiguous bytes. Valid until the next call that changes the ring.
  std::span<const std::byte> peek() const noexcept {
    return {memory_.get() + head_, std::min(size_, room_ - head_)};
  }

  /// Drops the `n` oldest bytes. `n` may be more than peek() shows.
  void consume(std::size_t n) noexcept {
    assert(n <= size_ && "only what is there can be consumed");
    size_ -= n;
    if (size_ == 0) return clear();
    head_ = (head_ + n) & (room_ - 1);
    if (room_ > least_room && size_ < room_ / 8) shrink();
  }

  void clear() noexcept {
    memory_.reset();
    room_ = head_ = size_ = 0;
  }

 private:
  static constexpr std::size_t least_room = 1024;

  std::size_t room_for(std::size_t more) const {
    if (more > max_size - size_) throw std::bad_alloc();
    std::size_t room = std::max(room_, least_room);
    while (room < size_ + more) room *= 2;
    return room;
  }

  void copy_to(std::byte* out, std::size_t n) const noexcept {
    const std::size_t first = std::min(n, room_ - head_);
    std::memcpy(out, memory_.get() + head_, first);
    if (first < n) std::memcpy(out + first, memory_.get(), n - first);
  }

  void move_to(std::size_t room) {
    auto memory = std::make_unique_for_overwrite<std::byte[]>(room);
    if (size_ != 0) copy_to(memory.get(), size_);
    memory_ = std::move(memory);
    room_ = room;
    head_ = 0;
  }

  /// To a quarter, so that the next growth or shrinking is again paid for by as many bytes moved.
  void shrink() noexcept {
    try {
      move_to(std::max(least_room, room_ / 4));
    } catch (const std::bad_alloc&) {
      // The larger block serves as well.
    }
  }

  /// A quarter of what a size_t counts, so that doubling never wraps.
  static constexpr std::size_t max_size = ~std::size_t{0} / 4;

  std::unique_ptr<std::byte[]> memory_;
  std::size_t room_ = 0;  ///< a power of two, or 0
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace muxpro::detail
