// Both ends of every block of addresses that rules name, and what lies beyond them.
#include "catch.hpp"

#include "proxy/base/ip_set.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace {

using asio::ip::address;
using asio::ip::address_v4;
using asio::ip::address_v6;
using asio::ip::make_address;
using muxpro::proxy::ip_prefix;
using muxpro::proxy::ip_set;

using address_octets = std::vector<std::uint8_t>;

address_octets octets_of(const address& a) {
  if (a.is_v4()) {
    const auto b = a.to_v4().to_bytes();
    return {b.begin(), b.end()};
  }
  const auto b = a.to_v6().to_bytes();
  return {b.begin(), b.end()};
}

address address_of(const address_octets& b) {
  if (b.size() == 4) return address_v4(address_v4::bytes_type{b[0], b[1], b[2], b[3]});
  address_v6::bytes_type all{};
  std::copy(b.begin(), b.end(), all.begin());
  return address_v6(all);
}

/// NETWORK/BITS by its first and last address.
struct block_of_addresses {
  explicit block_of_addresses(const std::string& text) {
    const auto slash = text.find('/');
    const auto bits = static_cast<std::size_t>(std::stoul(text.substr(slash + 1)));
    first = last = octets_of(make_address(text.substr(0, slash)));
    for (std::size_t i = bits; i < 8 * last.size(); ++i)
      last[i / 8] = static_cast<std::uint8_t>(last[i / 8] | 0x80 >> i % 8);
  }
  bool holds(const address_octets& a) const { return a.size() == first.size() && first <= a && a <= last; }
  std::optional<address_octets> before() const { return neighbour(first, 0x00, 0xff); }
  std::optional<address_octets> behind() const { return neighbour(last, 0xff, 0x00); }

  address_octets first, last;

 private:
  /// The next address in the direction in which an octet of `end` becomes `begin` and carries.
  static std::optional<address_octets> neighbour(address_octets a, std::uint8_t end, std::uint8_t begin) {
    for (std::size_t i = a.size(); i-- > 0;) {
      if (a[i] != end) {
        a[i] = static_cast<std::uint8_t>(end == 0 ? a[i] - 1 : a[i] + 1);
        return a;
      }
      a[i] = begin;
    }
    return std::nullopt;
  }
};

// IANA's registries of special-purpose addresses, without what is globally reachable.
const char* const private_blocks[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "100::/64",      "2001:2::/48",     "2001:db8::/32",  "3fff::/20",      "5f00::/16",
    "fc00::/7",      "fe80::/10",       "fec0::/10",      "ff00::/8",       "64:ff9b:1::/48",
};

bool in_private_block(const address_octets& a) {
  return std::any_of(std::begin(private_blocks), std::end(private_blocks),
                     [&](const char* b) { return block_of_addresses(b).holds(a); });
}

bool is_private(const address_octets& a) { return muxpro::proxy::is_private(address_of(a)); }

}  // namespace

TEST_CASE("both ends of every special block are private, and their neighbours are public",
          "[proxy][policy]") {
  for (const char* const text : private_blocks) {
    INFO(text);
    const block_of_addresses b(text);
    CHECK(is_private(b.first));
    CHECK(is_private(b.last));
    if (const auto a = b.before(); a && !in_private_block(*a)) CHECK_FALSE(is_private(*a));
    if (const auto a = b.behind(); a && !in_private_block(*a)) CHECK_FALSE(is_private(*a));
  }
}

TEST_CASE("both ends of a block of addresses that embed an IPv4 address", "[proxy][policy]") {
  const struct {
    const char *first, *last, *before, *behind;
  } blocks[] = {
      {"::ffff:10.0.0.0", "::ffff:10.255.255.255", "::ffff:9.255.255.255", "::ffff:11.0.0.0"},
      {"64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255", "64:ff9b::9.255.255.255", "64:ff9b::11.0.0.0"},
      {"2002:a00::", "2002:aff:ffff:ffff:ffff:ffff:ffff:ffff", "2002:9ff:ffff::", "2002:b00::"},
      {"2001:0:1::f5ff:ffff", "2001:0:1::f500:0", "2001:0:1::f600:0", "2001:0:1::f4ff:ffff"},
      {"2620::5efe:10.0.0.0", "2620::5efe:10.255.255.255", "2620::5efe:9.255.255.255", "2620::5efe:11.0.0.0"},
      {"2620::300:5efe:10.0.0.0", "2620::300:5efe:10.255.255.255", "2620::400:5efe:10.0.0.0",
       "2620::1:5efe:10.0.0.0"},
  };
  for (const auto& b : blocks) {
    INFO(b.first);
    CHECK(muxpro::proxy::is_private(make_address(b.first)));
    CHECK(muxpro::proxy::is_private(make_address(b.last)));
    CHECK_FALSE(muxpro::proxy::is_private(make_address(b.before)));
    CHECK_FALSE(muxpro::proxy::is_private(make_address(b.behind)));
  }
}

TEST_CASE("ip_set: blocks of mapped addresses at their bound", "[proxy][ip]") {
  const auto only = [](const char* text) {
    const ip_prefix block = ip_prefix::parse(text).value();
    return ip_set(std::span(&block, 1));
  };
  const ip_set all = only("::ffff:0:0/96"), upper = only("::ffff:128.0.0.0/97"),
               wider = only("::fffe:0:0/95");
  for (const char* a : {"0.0.0.0", "127.255.255.255", "128.0.0.0", "255.255.255.255"}) {
    INFO(a);
    const address v4 = make_address(a), mapped = make_address(std::string("::ffff:") + a);
    CHECK(all.contains(v4));
    CHECK(all.contains(mapped));
    CHECK(upper.contains(v4) == (v4.to_v4().to_uint() >> 31 == 1));
    CHECK_FALSE(wider.contains(v4));
  }
  CHECK_FALSE(all.contains(make_address("::fffe:ffff:ffff")));
  CHECK_FALSE(all.contains(make_address("::1:0:0:0")));
}

TEST_CASE("ip_set: both ends of a block of every length", "[proxy][ip]") {
  for (const char* network : {"160.0.0.0", "2001:db8::"})
    for (unsigned bits = network[1] == '6' ? 3 : 32; bits <= (network[1] == '6' ? 32u : 128u); ++bits) {
      const std::string text = std::string(network) + "/" + std::to_string(bits);
      INFO(text);
      const block_of_addresses b(text);
      const ip_prefix prefix = ip_prefix::parse(text).value();
      const ip_set s(std::span(&prefix, 1));
      CHECK(s.contains(address_of(b.first)));
      CHECK(s.contains(address_of(b.last)));
      CHECK_FALSE(s.contains(address_of(*b.before())));
      CHECK_FALSE(s.contains(address_of(*b.behind())));
    }
}
