// Bytes as people write them: "0005 0001 01 | 00", and what differs between two of them.
#pragma once

#include <muxpro/config.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::testing {

/// White space and '|' group digits for the reader and are ignored.
inline std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> out;
  int high = -1;
  for (const char c : text) {
    if (std::string_view(" \t\r\n|").find(c) != std::string_view::npos) continue;
    const std::size_t digit = std::string_view("0123456789abcdef0123456789ABCDEF").find(c);
    if (digit == std::string_view::npos) throw std::invalid_argument(fmt::format("not hex: '{}'", c));
    const int value = static_cast<int>(digit % 16);
    if (high >= 0) out.push_back(static_cast<std::byte>(high * 16 + value));
    high = high < 0 ? value : -1;
  }
  if (high >= 0) throw std::invalid_argument("not hex: half a byte at the end");
  return out;
}

/// In groups of two bytes.
inline std::string to_hex(std::span<const std::byte> in) {
  std::string out;
  for (std::size_t i = 0; i != in.size(); ++i) {
    if (i != 0 && i % 2 == 0) out += ' ';
    fmt::format_to(std::back_inserter(out), "{:02x}", std::to_integer<unsigned>(in[i]));
  }
  return out;
}

/// Returns where two byte strings differ, with the neighbourhood of both. Empty if they are equal.
inline std::string hex_difference(std::span<const std::byte> expected, std::span<const std::byte> got) {
  const std::size_t common = std::min(expected.size(), got.size());
  std::size_t at = 0;
  while (at != common && expected[at] == got[at]) ++at;
  if (at == expected.size() && at == got.size()) return {};
  constexpr std::size_t row = 16;
  const std::size_t from = at < row ? 0 : (at - row / 2) / 2 * 2;
  const auto line = [from](std::span<const std::byte> all) {
    const auto rest = all.subspan(std::min(from, all.size()));
    return to_hex(rest.first(std::min(rest.size(), 2 * row))) + (rest.size() > 2 * row ? " ..." : "");
  };
  const std::size_t column = (at - from) * 2 + (at - from) / 2;
  return fmt::format(
      "bytes differ at offset {} (expected {} bytes, got {})\n  from offset {}\n  expected: {}\n"
      "  got:      {}\n            {}^^",
      at, expected.size(), got.size(), from, line(expected), line(got), std::string(column, ' '));
}

}  // namespace muxpro::testing
