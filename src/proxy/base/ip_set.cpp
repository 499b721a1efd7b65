#include "proxy/base/ip_set.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/base/text.hpp"

#include <muxpro/destination.hpp>

#include <algorithm>

namespace muxpro::proxy {

namespace {

using address_key = std::array<std::uint8_t, 16>;

bool is_mapped(const asio::ip::address& a) { return a.is_v6() && a.to_v6().is_v4_mapped(); }

// The octets from the front on.
address_key whole_key(const asio::ip::address& a) {
  if (a.is_v6()) return a.to_v6().to_bytes();
  address_key k{};
  const auto b = a.to_v4().to_bytes();
  std::copy(b.begin(), b.end(), k.begin());
  return k;
}

// Those of a mapped address without its prefix.
address_key key_of(const asio::ip::address& a) {
  address_key k = whole_key(a);
  if (!is_mapped(a)) return k;
  std::copy(k.begin() + 12, k.end(), k.begin());
  std::fill(k.begin() + 4, k.end(), std::uint8_t{0});
  return k;
}

// All bits behind the first ones to `ones` or zeros.
address_key filled(address_key k, unsigned from, unsigned to, bool ones) {
  for (unsigned i = from; i < to; ++i) {
    const auto bit = static_cast<std::uint8_t>(0x80 >> i % 8);
    k[i / 8] = static_cast<std::uint8_t>(ones ? k[i / 8] | bit : k[i / 8] & ~bit);
  }
  return k;
}

// The next address, if there is one.
std::optional<address_key> after(address_key k, std::size_t octets) {
  for (std::size_t i = octets; i-- > 0;)
    if (++k[i] != 0) return k;
  return std::nullopt;
}

}  // namespace

std::optional<ip_prefix> ip_prefix::make(std::span<const std::uint8_t> octets, std::uint64_t bits) {
  if ((octets.size() != 4 && octets.size() != 16) || bits > octets.size() * 8) return std::nullopt;
  return ip_prefix{to_asio(octets), static_cast<unsigned>(bits)};
}

std::optional<ip_prefix> ip_prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const muxpro::address a(text.substr(0, slash));
  if (a.is_domain()) return std::nullopt;
  if (slash == std::string_view::npos) return make(a.octets(), a.octets().size() * 8);
  const auto bits = number<std::uint64_t>(text.substr(slash + 1));
  return bits ? make(a.octets(), *bits) : std::nullopt;
}

ip_set::ip_set(std::span<const ip_prefix> blocks) {
  for (const ip_prefix& b : blocks) {
    const bool mapped =
        is_mapped(b.network) && b.bits >= 96;  // a larger block holds more than mapped addresses
    const bool v4 = b.network.is_v4() || mapped;
    const unsigned width = v4 ? 32 : 128;
    const unsigned bits = mapped ? b.bits - 96 : b.bits;
    const address_key k = mapped ? key_of(b.network) : whole_key(b.network);
    (v4 ? v4_ : v6_).push_back({filled(k, bits, width, false), filled(k, bits, width, true)});
  }
  merge(v4_, 4);
  merge(v6_, 16);
}

void ip_set::merge(std::vector<range>& ranges, std::size_t octets) {
  std::sort(ranges.begin(), ranges.end(), [](const range& a, const range& b) { return a.first < b.first; });
  std::vector<range> merged;
  for (const range& r : ranges) {
    if (!merged.empty()) {
      const auto next = after(merged.back().last, octets);
      if (!next || r.first <= *next) {
        merged.back().last = std::max(merged.back().last, r.last);
        continue;
      }
    }
    merged.push_back(r);
  }
  ranges = std::move(merged);
}

bool ip_set::contains(const asio::ip::address& a) const {
  const auto& ranges = a.is_v4() || is_mapped(a) ? v4_ : v6_;
  const address_key k = key_of(a);
  const auto above = std::upper_bound(ranges.begin(), ranges.end(), k,
                                      [](const address_key& x, const range& r) { return x < r.first; });
  return above != ranges.begin() && k <= std::prev(above)->last;
}

}  // namespace muxpro::proxy
