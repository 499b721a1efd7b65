// The fields of a protobuf message, written one after the other (protobuf.dev, "encoding"). Ring 4, a rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

/// Fields that have their default value are left out, as proto3 has it, but those of message().
class proto_writer {
 public:
  proto_writer& number(std::uint32_t field, std::uint64_t value) {
    if (value == 0) return *this;
    varint(std::uint64_t{field} << 3);
    varint(value);
    return *this;
  }
  proto_writer& text(std::uint32_t field, std::string_view value) {
    return value.empty() ? *this : message(field, value);
  }
  /// `content` is what another writer has made.
  proto_writer& message(std::uint32_t field, std::string_view content) {
    varint(std::uint64_t{field} << 3 | 2);
    varint(content.size());
    out_ += content;
    return *this;
  }

  const std::string& content() const noexcept { return out_; }
  std::string take() { return std::exchange(out_, {}); }

 private:
  void varint(std::uint64_t n) {
    for (; n > 0x7f; n >>= 7) out_ += static_cast<char>((n & 0x7f) | 0x80);
    out_ += static_cast<char>(n);
  }

  std::string out_;
};

}  // namespace muxpro::proxy
