// relay_buffer, the memory of one direction of a relay, which a pipe hands to the next relay without a copy.
// Ring 2.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/thread_memory.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace muxpro::detail {

/// Filled by one read at a time, then emptied.
class relay_buffer {
 public:
  /// `most` is the number of bytes that one read takes.
  explicit relay_buffer(std::size_t most) noexcept : most_(most) {}
  relay_buffer(const relay_buffer&) = delete;
  relay_buffer& operator=(const relay_buffer&) = delete;

  /// Returns where a read goes that may wait, once everything is consumed. It is large while reads make use
  /// of it. Throws std::bad_alloc without memory for the small size.
  asio::mutable_buffer room() {
    assert(size_ == 0 && "what is there would be lost");
    begin_ = 0;
    if (!last_read_large_) large_.give_back();
    if (last_read_large_ && try_large()) return {large_.take(most_).data(), most_};
    const std::span<std::byte> small = small_room();
    return {small.data(), small.size()};
  }
  /// Where a read goes that does not wait. Throws std::bad_alloc without memory for the small size.
  std::span<std::byte> room_now() {
    assert(size_ == 0 && "what is there would be lost");
    begin_ = 0;
    return try_large() ? large_.take(most_) : small_room();
  }
  /// A read got `n` bytes.
  void filled(std::size_t n) noexcept {
    size_ = n;
    full_ = n == (is_large() ? most_ : small_size);
    last_read_large_ = is_large() ? n > small_size / 2 : full_;
  }
  /// The last read had no more room.
  bool was_full() const noexcept { return full_; }
  /// No read is under way or about to begin.
  void rest() noexcept {
    if (size_ == 0) large_.give_back();
  }

  asio::const_buffer bytes() const noexcept {
    return {(is_large() ? large_.taken().data() : small_.get()) + begin_, size_};
  }
  std::size_t size() const noexcept { return size_; }
  void consume(std::size_t n) noexcept {
    assert(n <= size_ && "only what is there can be consumed");
    begin_ += n;
    size_ -= n;
  }

  /// Whether handing the memory on costs less than copying its bytes.
  bool should_swap() const noexcept { return is_large() && size_ > small_size; }
  /// Swaps the large memory of both. The reader then calls to.filled(size()), the writer calls
  /// consume(size()).
  void swap_with(relay_buffer& to) noexcept {
    std::swap(large_, to.large_);
    to.begin_ = begin_;
  }

 private:
  static constexpr std::size_t small_size = 2048;

  std::span<std::byte> small_room() {
    if (!small_) small_.reset(new std::byte[small_size]);
    return {small_.get(), std::min(most_, small_size)};
  }
  bool is_large() const noexcept { return !large_.taken().empty(); }
  bool try_large() noexcept {
    try {
      large_.take(most_);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  const std::size_t most_;
  thread_memory large_;
  std::unique_ptr<std::byte[]> small_;
  std::size_t begin_ = 0;  ///< of what is not consumed yet
  std::size_t size_ = 0;
  bool last_read_large_ = false;
  bool full_ = false;
};

}  // namespace muxpro::detail
