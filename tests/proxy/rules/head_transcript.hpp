// The heads of VLESS and Trojan over an input that comes in pieces, as one line of text.
#pragma once

#include "message.hpp"

#include "proxy/base/framed_datagram.hpp"
#include "proxy/policy/request_head.hpp"

#include <muxpro/testing/hex.hpp>

#include <fmt/format.h>

#include <string>

namespace head_test {

using muxpro::const_bytes;
using muxpro::proxy::framed_datagram;
using muxpro::proxy::request_head;
using rules_test::byte_string;
using rules_test::bytes_of;
using rules_test::text_of;

inline std::string hex(const_bytes in) {
  std::string out = muxpro::testing::to_hex(in);
  std::erase(out, ' ');
  return out;
}

inline byte_string operator+(byte_string a, const byte_string& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::string describe(const request_head& h) {
  switch (h.what) {
    case request_head::status::need_more: return "more";
    case request_head::status::stranger: return "stranger";
    case request_head::status::refused: return fmt::format("{} is refused: {}", h.user.name, h.reason);
    case request_head::status::request: break;
  }
  return fmt::format("{} to {}, {} bytes", h.user.name, h.target, h.consumed);
}

inline std::string describe(const framed_datagram& d) {
  if (d.what == framed_datagram::status::need_more) return "more";
  if (d.what == framed_datagram::status::broken) return "broken";
  return fmt::format("{}: {}, {} bytes", d.where ? to_string(*d.where) : "", text_of(d.payload), d.consumed);
}

/// The result for the whole input, if each prefix needs more or has the same result.
template <class Read>
std::string every_cut(const byte_string& whole, Read read) {
  const std::string all = describe(read(const_bytes(whole)));
  bool decided = false;
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const byte_string prefix(whole.begin(),
                             whole.begin() + static_cast<std::ptrdiff_t>(n));  // its own allocation
    const std::string r = describe(read(const_bytes(prefix)));
    if (decided ? r != all : r != "more" && r != all) return fmt::format("{} BUT AT {}: {}", all, n, r);
    decided = r != "more";
  }
  return all;
}

/// How many bytes decide about the input.
template <class Read>
std::size_t decided_at(const byte_string& whole, Read read) {
  std::size_t n = 0;
  while (n < whole.size() && describe(read(const_bytes(whole).first(n))) == "more") ++n;
  return n;
}

}  // namespace head_test
