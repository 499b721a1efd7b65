// Geo data files, put together field by field.
#pragma once

#include "message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace rules_test {

inline message proto_varint(std::uint64_t n) {
  message m;
  for (; n >= 0x80; n >>= 7) m.number((n & 0x7f) | 0x80, 1);
  return m.number(n, 1);
}
inline message proto_field(unsigned number, std::uint64_t value) {
  return message().raw(proto_varint(number << 3).bytes()).raw(proto_varint(value).bytes());
}
inline message proto_field(unsigned number, const message& content) {
  message m = proto_varint(number << 3 | 2);
  return m.raw(proto_varint(content.bytes().size()).bytes()).raw(content.bytes());
}
inline message proto_field(unsigned number, std::string_view text) {
  return proto_field(number, message().text(text));
}

/// Kinds: 0 keyword, 1 regular expression, 2 domain, 3 full name.
inline message geo_domain_of(unsigned kind, std::string_view text,
                             const std::vector<std::string>& attributes = {}) {
  message m = proto_field(1, kind);
  m.raw(proto_field(2, text).bytes());
  for (const auto& a : attributes)
    m.raw(proto_field(3, proto_field(1, a).raw(proto_field(2, 1u).bytes())).bytes());
  return m;
}

inline message geo_block(const std::vector<std::uint8_t>& octets, std::uint64_t bits) {
  message ip;
  for (const auto o : octets) ip.number(o, 1);
  return proto_field(1, ip).raw(proto_field(2, bits).bytes());
}

/// An entry of a file: a list with its items.
inline message geo_list_of(std::string_view name, const std::vector<message>& items) {
  message m = proto_field(1, name);
  for (const auto& i : items) m.raw(proto_field(2, i).bytes());
  return proto_field(1, m);
}

}  // namespace rules_test
