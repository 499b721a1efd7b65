#include "proxy/policy/dial_policy.hpp"

#include "proxy/base/text.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <utility>

namespace muxpro::proxy {

using asio::ip::address;
using asio::ip::address_v4;
using asio::ip::address_v6;

namespace {

struct block_v4 {
  std::uint32_t network;
  int bits;
};

constexpr std::uint32_t quad(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// IANA's IPv4 special-purpose registry, less what is globally reachable, with multicast and reserved.
constexpr block_v4 special_v4[] = {
    {quad(0, 0, 0, 0), 8},        {quad(10, 0, 0, 0), 8},     {quad(100, 64, 0, 0), 10},
    {quad(127, 0, 0, 0), 8},      {quad(169, 254, 0, 0), 16}, {quad(172, 16, 0, 0), 12},
    {quad(192, 0, 0, 0), 24},     {quad(192, 0, 2, 0), 24},   {quad(192, 88, 99, 0), 24},
    {quad(192, 168, 0, 0), 16},   {quad(198, 18, 0, 0), 15},  {quad(198, 51, 100, 0), 24},
    {quad(203, 0, 113, 0), 24},   {quad(224, 0, 0, 0), 4},    {quad(240, 0, 0, 0), 4},
    {quad(168, 63, 129, 16), 32},  // Azure's metadata, those of other clouds are in the blocks above
};

struct block_v6 {
  std::array<std::uint8_t, 8> network;  ///< no prefix here is longer than 64 bits
  int bits;
};

constexpr block_v6 special_v6[] = {
    {{0x01, 0x00}, 64},                          // discard
    {{0x20, 0x01, 0x00, 0x02}, 48},              // benchmarking
    {{0x20, 0x01, 0x0d, 0xb8}, 32},              // documentation
    {{0x3f, 0xff}, 20},                          // documentation
    {{0x5f, 0x00}, 16},                          // segment routing
    {{0xfc}, 7},                                 // unique local
    {{0xfe, 0x80}, 10},                          // link-local
    {{0xfe, 0xc0}, 10},                          // site-local
    {{0xff}, 8},                                 // multicast
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48},  // NAT64 of the local network
};

template <std::size_t N>
bool begins_with(const address_v6::bytes_type& b, const std::array<std::uint8_t, N>& prefix, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(prefix.begin(), prefix.begin() + whole, b.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || (b[whole] >> (8 - rest)) == (prefix[whole] >> (8 - rest));
}

address_v4 v4_at(const address_v6::bytes_type& b, std::size_t at, std::uint8_t flip = 0) {
  address_v4::bytes_type octets{};
  for (std::size_t i = 0; i < 4; ++i) octets[i] = static_cast<std::uint8_t>(b[at + i] ^ flip);
  return address_v4(octets);
}

std::optional<address_v4> embedded(const address_v6& a) {
  constexpr std::array<std::uint8_t, 12> compatible{};
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<std::uint8_t, 12> translated{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<std::uint8_t, 12> nat64{0, 0x64, 0xff, 0x9b};
  constexpr std::array<std::uint8_t, 2> sixto4{0x20, 0x02};
  constexpr std::array<std::uint8_t, 4> teredo{0x20, 0x01};
  const auto b = a.to_bytes();
  if (begins_with(b, mapped, 96) || begins_with(b, nat64, 96) || begins_with(b, translated, 96))
    return v4_at(b, 12);
  if (begins_with(b, compatible, 96) && !a.is_unspecified() && !a.is_loopback()) return v4_at(b, 12);
  if (begins_with(b, sixto4, 16)) return v4_at(b, 2);
  if (begins_with(b, teredo, 32)) return v4_at(b, 12, 0xff);
  if ((b[8] & 0xfc) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe) return v4_at(b, 12);  // ISATAP
  return std::nullopt;
}

bool is_special(const address_v4& a) {
  return std::any_of(std::begin(special_v4), std::end(special_v4), [&](const block_v4& block) {
    return (a.to_uint() ^ block.network) >> (32 - block.bits) == 0;
  });
}

bool is_special(const address_v6& a) {
  if (a.is_unspecified() || a.is_loopback()) return true;
  const auto b = a.to_bytes();
  return std::any_of(std::begin(special_v6), std::end(special_v6),
                     [&](const block_v6& block) { return begins_with(b, block.network, block.bits); });
}

// One block of the loopback stands for all of it, and so does the unspecified address, which the kernel takes
// for the loopback.
bool reaches(const address& dialled, bool own, const address& listener) {
  if (dialled == listener || (own && listener.is_unspecified())) return true;
  return listener.is_loopback() && (dialled.is_loopback() || dialled.is_unspecified());
}

}  // namespace

address unmapped(const address& a) {
  if (a.is_v4()) return a;
  if (const auto v4 = embedded(a.to_v6())) return *v4;
  return address_v6(a.to_v6().to_bytes());
}

bool is_private(const address& a) {
  if (a.is_v4()) return is_special(a.to_v4());
  if (is_special(a.to_v6())) return true;
  const auto v4 = embedded(a.to_v6());
  return v4 && is_special(*v4);
}

std::string normalized(std::string_view name) {
  if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
  return lower_case(name);
}

const char* to_string(verdict v) noexcept {
  switch (v) {
    case verdict::allowed: return "allowed";
    case verdict::private_address: return "a private address";
    case verdict::own_address: return "an address of this server";
    case verdict::own_listener: return "a listener of this server";
    case verdict::blocked_name: return "a blocked name";
  }
  return "?";
}

dial_policy::dial_policy(std::shared_ptr<const own_addresses> own)
    : own_(own ? std::move(own) : std::make_shared<const own_addresses>()) {}

void dial_policy::own_listener(const asio::ip::tcp::endpoint& at) {
  const std::unique_lock lock(listeners_->access);
  listeners_->all.emplace_back(unmapped(at.address()), at.port());
}

void dial_policy::forget_listener(const asio::ip::tcp::endpoint& at) {
  const std::unique_lock lock(listeners_->access);
  std::erase(listeners_->all, asio::ip::tcp::endpoint(unmapped(at.address()), at.port()));
}

void dial_policy::block(std::string_view name) { blocked_.insert(normalized(name)); }

verdict dial_policy::check(const address& a, std::uint16_t port) const {
  const address real = unmapped(a);
  const bool own = own_->contains(real);
  std::shared_lock lock(listeners_->access);
  for (const auto& listener : listeners_->all)
    if (listener.port() == port && reaches(real, own, listener.address())) return verdict::own_listener;
  lock.unlock();
  if (allow_private_) return verdict::allowed;
  if (is_private(a)) return verdict::private_address;
  return own ? verdict::own_address : verdict::allowed;
}

verdict dial_policy::check_name(std::string_view name) const {
  if (blocked_.empty()) return verdict::allowed;
  const std::string lower = normalized(name);
  for (std::string_view rest = lower; !rest.empty();) {
    if (blocked_.contains(std::string(rest))) return verdict::blocked_name;
    const auto dot = rest.find('.');
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return verdict::allowed;
}

}  // namespace muxpro::proxy
