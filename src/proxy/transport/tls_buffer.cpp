#include "proxy/transport/tls_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace muxpro::proxy {

bytes tls_buffer::room(std::size_t least) {
  if (capacity() - end_ < least) {
    const std::size_t all = size() + least;
    move_to(all <= small ? small : std::max(all, large));
  }
  return memory_.subspan(end_);
}

bytes tls_buffer::room_left() {
  if (memory_.empty()) return room(large);
  return memory_.subspan(end_);
}

void tls_buffer::consume(std::size_t n) noexcept {
  begin_ += n;
  if (empty()) release();
}

void tls_buffer::shrink(std::size_t more) {
  if (empty())
    release();
  else if (capacity() > small && size() < capacity() / 4)
    move_to(size() + more);
}

void tls_buffer::move_to(std::size_t capacity) {
  layer::thread_memory lent;
  std::unique_ptr<std::byte[]> own;
  if (capacity < large) own.reset(new std::byte[capacity]);
  const bytes next = own ? bytes(own.get(), capacity) : lent.take(capacity);
  const std::size_t n = size();
  if (n > 0) std::memcpy(next.data(), data().data(), n);
  lent_ = std::move(lent);
  own_ = std::move(own);
  memory_ = next;
  begin_ = 0;
  end_ = n;
}

void tls_buffer::release() noexcept {
  lent_.give_back();
  own_.reset();
  memory_ = {};
  begin_ = end_ = 0;
}

}  // namespace muxpro::proxy
