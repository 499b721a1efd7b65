// A SOCKS handshake over an input that comes in pieces, as one line of text.
#pragma once

#include "proxy/socks/client.hpp"
#include "proxy/socks/server.hpp"

#include <muxpro/testing/hex.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace socks_test {

using muxpro::const_bytes;
using byte_string = std::vector<std::byte>;

inline byte_string bytes_of(std::string_view text) {
  const auto all = std::as_bytes(std::span(text));
  return {all.begin(), all.end()};
}

inline byte_string operator+(byte_string a, const byte_string& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Without the spaces.
inline std::string hex(const_bytes in) {
  std::string out = muxpro::testing::to_hex(in);
  std::erase(out, ' ');
  return out;
}

inline std::string describe(const muxpro::proxy::socks_handshake::step& s) {
  using status = muxpro::proxy::socks_handshake::status;
  switch (s.what) {
    case status::need_more: return "more";
    case status::send: return fmt::format("say {}; ", hex(s.reply));
    case status::refused: return fmt::format("refused {} {}", hex(s.reply), s.reason);
    case status::request: break;
  }
  const auto& r = s.request;
  return fmt::format("v{} {} {} by '{}'", static_cast<int>(r.version),
                     r.command == muxpro::proxy::socks_command::connect ? "connect" : "associate", r.target,
                     r.user ? r.user->name : "");
}

inline std::string describe(const muxpro::proxy::socks_client::step& s) {
  using status = muxpro::proxy::socks_client::status;
  switch (s.what) {
    case status::need_more: return "more";
    case status::send: return fmt::format("say {}; ", hex(s.message));
    case status::refused: return fmt::format("refused {}: {}", s.error.message(), s.reason);
    case status::connected: break;
  }
  return fmt::format("connected {}", muxpro::to_string(s.bound));
}

/// Promises that next() has broken.
inline constexpr const char *not_there = "it consumed what was not there", *too_much = "it needs too much";

/// Returns a text such as `say 0500; v5 connect tcp:example.com:80 by '', 3 left`.
template <class Handshake>
std::string transcript(Handshake h, const_bytes in, std::vector<std::size_t> pieces = {}) {
  std::string out;
  byte_string held;
  pieces.push_back(in.size());
  for (std::size_t size : pieces) {
    size = std::min(size, in.size());
    held.insert(held.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(size));
    in = in.subspan(size);
    for (;;) {
      const auto s = h.next(held);
      if (s.consumed > held.size()) return not_there;
      held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(s.consumed));
      using status = typename Handshake::status;
      if (s.what == status::need_more) {
        if (s.consumed != 0 || held.size() >= Handshake::max_message) return too_much;
        break;
      }
      out += describe(s);
      if (s.what == status::send) continue;
      return s.what == status::refused ? out : fmt::format("{}, {} left", out, held.size() + in.size());
    }
  }
  return fmt::format("{}more, {} held", out, held.size());
}

/// The transcript, if it is the same for the input as a whole, cut at every byte, and byte by byte.
template <class Handshake>
std::string every_cut(const Handshake& h, const_bytes in) {
  const std::string whole = transcript(h, in);
  for (std::size_t cut = 0; cut <= in.size(); ++cut)
    if (const std::string two = transcript(h, in, {cut}); two != whole)
      return fmt::format("{} BUT CUT AT {}: {}", whole, cut, two);
  if (const std::string bytewise = transcript(h, in, std::vector<std::size_t>(in.size(), 1));
      bytewise != whole)
    return fmt::format("{} BUT BYTE BY BYTE: {}", whole, bytewise);
  return whole;
}

}  // namespace socks_test
