#include "proxy/names/address_order.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <tuple>

namespace muxpro::proxy {

namespace {

struct policy_line {
  std::array<std::uint8_t, 16> prefix;
  int bits, precedence, label;
};

// RFC 6724 section 2.1, the longest prefix first.
constexpr policy_line policy_table[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, 50, 0},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 35, 4},
    {{}, 96, 1, 3},
    {{0x20, 0x01}, 32, 5, 5},
    {{0x20, 0x02}, 16, 30, 2},
    {{0x3f, 0xfe}, 16, 1, 12},
    {{0xfe, 0xc0}, 10, 1, 11},
    {{0xfc}, 7, 3, 13},
    {{}, 0, 40, 1},
};

bool matches(const std::array<std::uint8_t, 16>& a, const policy_line& line) {
  for (int bit = 0; bit < line.bits; bit += 8) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const int rest = std::min(8, line.bits - bit);
    if ((a[at] ^ line.prefix[at]) >> (8 - rest) != 0) return false;
  }
  return true;
}

const policy_line& line_of(const asio::ip::address& a) {
  const auto octets =
      a.is_v6() ? a.to_v6().to_bytes() : asio::ip::make_address_v6(asio::ip::v4_mapped, a.to_v4()).to_bytes();
  return *std::find_if(std::begin(policy_table), std::end(policy_table) - 1,
                       [&](const policy_line& l) { return matches(octets, l); });
}

auto rank(const possible_address& p) {
  const policy_line& line = line_of(p.to);
  return std::tuple(!p.has_route, line_of(p.from).label != line.label, -line.precedence);
}

}  // namespace

// Addresses of equal rank keep their order.
std::vector<asio::ip::address> in_order(std::vector<possible_address> all) {
  std::multimap<decltype(rank(all.front())), asio::ip::address> ranked;
  for (const possible_address& p : all) ranked.emplace(rank(p), p.to);
  std::vector<asio::ip::address> sorted;
  sorted.reserve(all.size());
  for (const auto& [position, a] : ranked) sorted.push_back(a);
  return sorted;
}

}  // namespace muxpro::proxy
