#include "proxy/transport/tls_buffer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace muxpro::proxy {

namespace {

using block = std::unique_ptr<std::byte[]>;

/// Large memory that this thread keeps.
thread_local std::array<block, 2> kept;

block take(std::size_t size) {
  if (size == tls_buffer::large)
    for (block& b : kept)
      if (b) return std::move(b);
  return block(new std::byte[size]);
}

void give_back(block b, std::size_t size) noexcept {
  if (size != tls_buffer::large) return;
  for (block& place : kept)
    if (!place) return place.swap(b);
}

}  // namespace

bytes tls_buffer::room(std::size_t least) {
  if (capacity_ - end_ < least) {
    const std::size_t all = size() + least;
    move_to(all <= small ? small : std::max(all, large));
  }
  return {memory_.get() + end_, capacity_ - end_};
}

bytes tls_buffer::room_left() {
  if (!memory_) return room(large);
  return {memory_.get() + end_, capacity_ - end_};
}

void tls_buffer::consume(std::size_t n) noexcept {
  begin_ += n;
  if (empty()) release();
}

void tls_buffer::settle(std::size_t more) {
  if (empty())
    release();
  else if (capacity_ > small && size() < capacity_ / 4)
    move_to(size() + more);
}

void tls_buffer::move_to(std::size_t capacity) {
  block next = take(capacity);
  const std::size_t n = size();
  if (n > 0) std::memcpy(next.get(), memory_.get() + begin_, n);
  release();
  memory_ = std::move(next);
  capacity_ = capacity;
  end_ = n;
}

void tls_buffer::release() noexcept {
  if (memory_) give_back(std::move(memory_), capacity_);
  capacity_ = begin_ = end_ = 0;
}

}  // namespace muxpro::proxy
