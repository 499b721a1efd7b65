// relay_buffer: the memory of one direction of a relay, which a pipe hands to the next relay without a copy.
// Ring 2.
#pragma once

#include <muxpro/detail/asio.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace muxpro::detail {

/// Filled by one read at a time, then emptied. It has the large one of two sizes while reads make use of it.
class relay_buffer {
 public:
  /// `most`: bytes that one read takes.
  explicit relay_buffer(std::size_t most) noexcept : most_(most) {}
  relay_buffer(const relay_buffer&) = delete;
  relay_buffer& operator=(const relay_buffer&) = delete;

  /// Where the next read goes, once everything is consumed. Without memory the small size serves as well.
  asio::mutable_buffer room() noexcept {
    assert(size_ == 0 && "what is there would be lost");
    begin_ = 0;
    if (!much_comes_) large_ = {};
    if (much_comes_ && !large_.bytes) large_ = memory(most_);
    return large_.bytes ? asio::mutable_buffer(large_.bytes.get(), large_.size)
                        : asio::mutable_buffer(small_, std::min(most_, sizeof small_));
  }
  /// A read got `n` bytes.
  void filled(std::size_t n) noexcept {
    size_ = n;
    much_comes_ = large_.bytes ? n > sizeof small_ / 2 : n == sizeof small_;
  }

  asio::const_buffer bytes() const noexcept {
    return {(large_.bytes ? large_.bytes.get() : small_) + begin_, size_};
  }
  std::size_t size() const noexcept { return size_; }
  void consume(std::size_t n) noexcept {
    assert(n <= size_ && "only what is there can be consumed");
    begin_ += n;
    size_ -= n;
  }

  /// Whether handing the memory on costs less than copying its bytes.
  bool worth_handing() const noexcept { return large_.bytes && size_ > sizeof small_; }
  /// Swaps the large memory of both. The reader then calls to.filled(size()), the writer calls
  /// consume(size()).
  void hand_to(relay_buffer& to) noexcept {
    std::swap(large_, to.large_);
    to.begin_ = begin_;
  }

 private:
  struct memory {
    memory() noexcept = default;
    explicit memory(std::size_t n) noexcept : bytes(new (std::nothrow) std::byte[n]), size(n) {}
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };

  const std::size_t most_;
  memory large_;
  std::size_t begin_ = 0;  ///< of what is not consumed yet
  std::size_t size_ = 0;
  bool much_comes_ = false;
  std::byte small_[2048];
};

}  // namespace muxpro::detail
