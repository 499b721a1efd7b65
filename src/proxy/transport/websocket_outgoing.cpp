#include "proxy/transport/websocket_outgoing.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

// Makes many at once, because a call of OpenSSL costs more than a mask is worth.
websocket_mask random_mask() {
  thread_local std::array<websocket_mask, 64> kept;
  thread_local std::size_t left = 0;
  if (left == 0) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(kept.data()), sizeof kept) != 1)
      throw std::runtime_error("OpenSSL has no random numbers");
    left = kept.size();
  }
  return kept[--left];
}

websocket_outgoing::websocket_outgoing(std::vector<std::byte> frames,
                                       std::span<const asio::const_buffer> data, const optional_mask& mask,
                                       bool copies)
    : front_(std::move(frames)) {
  limit(data, copies ? most_copied - max_websocket_header - front_.size() : most_gathered);
  if (payload_ > 0) {
    const websocket_header head(websocket_opcode::binary, payload_, mask);
    front_.insert(front_.end(), head.data().begin(), head.data().end());
  }
  if (payload_ > 0 && copies)
    copy(mask);
  else
    parts_[0] = asio::buffer(front_);
}

// The place of the first one is kept for what goes in front.
void websocket_outgoing::limit(std::span<const asio::const_buffer> data, std::size_t most) noexcept {
  for (const asio::const_buffer& b : data) {
    const std::size_t n = std::min(b.size(), most - payload_);
    if (count_ == parts_.size() || payload_ == most) return;
    if (n > 0) parts_[count_++] = asio::const_buffer(b.data(), n);
    payload_ += n;
  }
}

void websocket_outgoing::copy(const optional_mask& mask) {
  const std::size_t head = front_.size(), all = head + payload_;
  std::byte* to = nullptr;
  if (all <= small) {
    front_.resize(all);
    to = front_.data();
  } else {
    to = memory_.take(most_copied).data();
    std::memcpy(to, front_.data(), head);
  }
  std::size_t at = 0;
  for (std::size_t i = 1; i < count_; ++i) {
    const const_bytes part(static_cast<const std::byte*>(parts_[i].data()), parts_[i].size());
    if (mask)
      apply_mask(to + head + at, part, *mask, at);
    else
      std::memcpy(to + head + at, part.data(), part.size());
    at += part.size();
  }
  parts_[0] = asio::buffer(to, all);
  count_ = 1;
}

void websocket_outgoing::consume(std::size_t n) noexcept {
  while (first_ < count_ && n >= parts_[first_].size()) n -= parts_[first_++].size();
  if (first_ < count_) parts_[first_] += n;
}

}  // namespace muxpro::proxy
