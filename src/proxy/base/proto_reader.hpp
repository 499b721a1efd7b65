// The fields of a protobuf message, one after the other (protobuf.dev, "encoding").
#pragma once

#include "proxy/base/byte_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace muxpro::proxy {

/// Returns nothing if it has more than 64 bits.
inline std::optional<std::uint64_t> read_varint(byte_reader& in) noexcept {
  std::uint64_t n = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t octet = in.number(1);
    n |= (octet & 0x7f) << shift;
    if (octet < 0x80) return n;
  }
  return std::nullopt;
}

/// While next() returns true, the caller reads number(), and value() or bytes(). good() then returns whether
/// it was a message.
class proto_reader {
 public:
  explicit proto_reader(const_bytes message) noexcept : in_(message) {}

  bool next() noexcept {
    value_ = 0;
    bytes_ = {};
    if (!valid_ || in_.left() == 0) return false;
    const std::uint64_t tag = varint();
    number_ = tag >> 3;
    switch (tag & 7) {
      case 0: value_ = varint(); break;
      case 1: value_ = fixed(8); break;
      case 2: bytes_ = take(varint()); break;
      case 5: value_ = fixed(4); break;
      default: valid_ = false;  // groups, which are obsolete
    }
    valid_ = valid_ && in_.good() && number_ != 0;
    return valid_;
  }

  std::uint64_t number() const noexcept { return number_; }
  std::uint64_t value() const noexcept { return value_; }
  const_bytes bytes() const noexcept { return bytes_; }
  bool good() const noexcept { return valid_; }

 private:
  std::uint64_t varint() noexcept {
    const auto n = read_varint(in_);
    valid_ = valid_ && n;
    return n.value_or(0);
  }
  std::uint64_t fixed(std::size_t octets) noexcept {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < octets; ++i) n |= in_.number(1) << 8 * i;
    return n;
  }
  const_bytes take(std::uint64_t n) noexcept {
    return in_.take(n > in_.left() ? in_.left() + 1 : static_cast<std::size_t>(n));
  }

  byte_reader in_;
  std::uint64_t number_ = 0, value_ = 0;
  const_bytes bytes_;
  bool valid_ = true;
};

/// A list of varints in one field.
class packed_numbers {
 public:
  explicit packed_numbers(const_bytes all) noexcept : in_(all) {}

  bool next() noexcept {
    if (!valid_ || in_.left() == 0) return false;
    const auto n = read_varint(in_);
    valid_ = n && in_.good();
    value_ = n.value_or(0);
    return valid_;
  }
  std::uint64_t value() const noexcept { return value_; }
  bool good() const noexcept { return valid_; }

 private:
  byte_reader in_;
  std::uint64_t value_ = 0;
  bool valid_ = true;
};

}  // namespace muxpro::proxy
