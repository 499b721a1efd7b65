#include "proxy/grpc/message.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

constexpr std::uint8_t payload_key = 1 << 3 | 2;

std::size_t varint_size(std::size_t n) noexcept {
  std::size_t size = 1;
  while (n >>= 7) ++size;
  return size;
}

}  // namespace

std::size_t write_grpc_head(std::span<std::byte, most_grpc_head> to, std::size_t payload) noexcept {
  const std::size_t message = 1 + varint_size(payload) + payload;
  std::size_t at = 0;
  to[at++] = std::byte{0};
  for (int shift = 24; shift >= 0; shift -= 8) to[at++] = static_cast<std::byte>(message >> shift & 0xff);
  to[at++] = std::byte{payload_key};
  for (std::size_t n = payload;; n >>= 7) {
    to[at++] = static_cast<std::byte>((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
    if (n <= 0x7f) return at;
  }
}

const_bytes grpc_reader::next(const_bytes& in) noexcept {
  while (!in.empty() && place_ != place::nowhere) {
    if (place_ == place::payload || place_ == place::skipped) {
      const const_bytes piece = in.first(std::min<std::size_t>(in.size(), value_));
      in = in.subspan(piece.size());
      value_ -= static_cast<std::uint32_t>(piece.size());
      message_ -= static_cast<std::uint32_t>(piece.size());
      const bool wanted = place_ == place::payload;
      if (value_ == 0) value_ends();
      if (wanted) return piece;
    } else {
      take(std::to_integer<std::uint8_t>(in.front()));
      in = in.subspan(1);
    }
  }
  return {};
}

void grpc_reader::take(std::uint8_t byte) noexcept {
  if (place_ == place::flag) {
    place_ = byte == 0 ? place::size : place::nowhere;
    number_ = count_ = 0;
  } else if (place_ == place::size) {
    number_ = number_ << 8 | byte;
    if (++count_ == 4) begin_message();
  } else {
    take_varint(byte);
  }
}

void grpc_reader::begin_message() noexcept {
  place_ = number_ > most_grpc_message ? place::nowhere : place::key;
  message_ = static_cast<std::uint32_t>(number_);
  if (message_ == 0) place_ = place::flag;
  number_ = count_ = 0;
}

// A number has at most 64 bits, in 10 bytes.
void grpc_reader::take_varint(std::uint8_t byte) noexcept {
  number_ |= std::uint64_t{byte & 0x7fu} << 7 * count_;
  --message_;
  const bool last = byte < 0x80, too_long = ++count_ == 10 && (!last || byte > 1);
  if (too_long || (!last && message_ == 0))
    place_ = place::nowhere;
  else if (last)
    varint_ends();
}

void grpc_reader::varint_ends() noexcept {
  const std::uint64_t n = number_;
  number_ = count_ = 0;
  if (place_ == place::key) return begin_value(n);
  if (place_ == place::value) return value_ends();
  begin_bytes(is_payload_ ? place::payload : place::skipped, n);
}

void grpc_reader::begin_value(std::uint64_t key) noexcept {
  is_payload_ = key == payload_key;
  if (key >> 3 == 0 || (key >> 3 == 1 && !is_payload_)) {
    place_ = place::nowhere;
    return;
  }
  switch (key & 7) {
    case 0: place_ = place::value; break;
    case 1: return begin_bytes(place::skipped, 8);
    case 2: place_ = place::length; break;
    case 5: return begin_bytes(place::skipped, 4);
    default: place_ = place::nowhere;
  }
  if (message_ == 0) place_ = place::nowhere;
}

void grpc_reader::begin_bytes(place where, std::uint64_t size) noexcept {
  place_ = size > message_ ? place::nowhere : where;
  value_ = static_cast<std::uint32_t>(size);
  if (size == 0) value_ends();
}

void grpc_reader::value_ends() noexcept { place_ = message_ == 0 ? place::flag : place::key; }

}  // namespace muxpro::proxy
