// Messages of other protocols, put together byte by byte for the tests of sniffers.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace rules_test {

using muxpro::const_bytes;
using byte_string = std::vector<std::byte>;

/// Big-endian numbers, texts, and blocks with their length in front.
class message {
 public:
  message& number(std::uint64_t n, std::size_t octets) {
    while (octets-- > 0) bytes_.push_back(static_cast<std::byte>(n >> (8 * octets)));
    return *this;
  }
  message& raw(const_bytes b) {
    bytes_.insert(bytes_.end(), b.begin(), b.end());
    return *this;
  }
  message& text(std::string_view t) { return raw(std::as_bytes(std::span(t))); }
  message& fill(std::size_t n, std::uint8_t with = 0) {
    bytes_.insert(bytes_.end(), n, std::byte{with});
    return *this;
  }
  message& counted(std::size_t octets, const message& m) {
    return number(m.bytes_.size(), octets).raw(m.bytes_);
  }

  const byte_string& bytes() const { return bytes_; }
  operator const byte_string&() const { return bytes_; }

 private:
  byte_string bytes_;
};

inline byte_string bytes_of(std::string_view text) { return message().text(text); }

inline std::string text_of(const_bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

}  // namespace rules_test
