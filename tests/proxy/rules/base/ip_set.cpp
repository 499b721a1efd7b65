// Blocks of addresses, and sets of them.
#include "catch.hpp"

#include "proxy/base/ip_set.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace {

using asio::ip::address_v4;
using asio::ip::address_v6;
using asio::ip::make_address;
using muxpro::proxy::ip_prefix;
using muxpro::proxy::ip_set;

ip_set set_of(const std::vector<std::string>& texts) {
  std::vector<ip_prefix> blocks;
  for (const std::string& t : texts) blocks.push_back(ip_prefix::parse(t).value());
  return ip_set(blocks);
}

bool holds(const ip_set& s, const std::string& a) { return s.contains(make_address(a)); }

}  // namespace

TEST_CASE("ip_prefix: blocks and addresses", "[proxy][ip]") {
  CHECK(ip_prefix::parse("192.0.2.0/24") == ip_prefix{make_address("192.0.2.0"), 24});
  CHECK(ip_prefix::parse("192.0.2.7") == ip_prefix{make_address("192.0.2.7"), 32});
  CHECK(ip_prefix::parse("::/0") == ip_prefix{make_address("::"), 0});
  CHECK(ip_prefix::parse("2001:db8::1") == ip_prefix{make_address("2001:db8::1"), 128});
  for (const char* bad :
       {"", "/", "/8", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/+1", "1.2.3.4/8 ", "1.2.3/8",
        "::/129", "::1/99999999999999999999", "example.com", "example.com/8", "1.2.3.4/0x8"}) {
    INFO(bad);
    CHECK_FALSE(ip_prefix::parse(bad));
  }
  const std::vector<std::uint8_t> five(5);
  CHECK_FALSE(ip_prefix::make(five, 8));
  CHECK_FALSE(ip_prefix::make({}, 0));
}

TEST_CASE("ip_set: edges of blocks", "[proxy][ip]") {
  const ip_set s = set_of({"192.0.2.0/25", "198.51.100.9", "2001:db8::/33", "10.1.2.3/8"});
  for (const char* in : {"192.0.2.0", "192.0.2.127", "198.51.100.9", "2001:db8::",
                         "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "10.0.0.0", "10.255.255.255"})
    CHECK(holds(s, in));
  for (const char* out : {"192.0.1.255", "192.0.2.128", "198.51.100.8", "198.51.100.10", "2001:db8:8000::",
                          "2001:db7:ffff::", "9.255.255.255", "11.0.0.0", "::", "0.0.0.0", "255.255.255.255"})
    CHECK_FALSE(holds(s, out));
  CHECK_FALSE(holds(ip_set(), "0.0.0.0"));
  CHECK(ip_set().empty());
}

TEST_CASE("ip_set: a mapped address is the IPv4 one (J2)", "[proxy][ip]") {
  CHECK(holds(set_of({"10.0.0.0/8"}), "::ffff:10.1.2.3"));
  CHECK(holds(set_of({"::ffff:10.0.0.0/104"}), "10.1.2.3"));
  CHECK(holds(set_of({"::ffff:10.0.0.0/104"}), "::ffff:10.1.2.3"));
  CHECK_FALSE(holds(set_of({"::ffff:10.0.0.0/104"}), "11.1.2.3"));
  CHECK_FALSE(holds(set_of({"::/0"}), "10.1.2.3"));
  CHECK_FALSE(holds(set_of({"0.0.0.0/0"}), "2001:db8::1"));
  CHECK(holds(set_of({"::fffe:0:0/95"}), "::fffe:1:2"));
}

TEST_CASE("ip_set: neighbours become one range", "[proxy][ip]") {
  CHECK(set_of({"10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", "11.0.0.0/8"}).size() == 1);
  CHECK(set_of({"10.0.0.0/8", "12.0.0.0/8"}).size() == 2);
  CHECK(set_of({"255.0.0.0/8", "255.255.255.255", "0.0.0.0"}).size() == 2);
  CHECK(set_of({"0.0.0.0/1", "128.0.0.0/1"}).size() == 1);
  CHECK(set_of({"2001:db8::/33", "2001:db8:8000::/33", "ffff::/16", "::/0"}).size() == 1);
}

TEST_CASE("ip_set: agrees with a search from end to end", "[proxy][ip][property]") {
  std::mt19937 random(9);
  for (int round = 0; round < 30; ++round) {
    std::vector<ip_prefix> blocks;
    for (int i = 0; i < 60; ++i)
      blocks.push_back(
          {address_v4(0x0a000000u | (random() & 0xffff)), 20 + static_cast<unsigned>(random() % 13)});
    const ip_set s(blocks);
    for (int i = 0; i < 2000; ++i) {
      const std::uint32_t a = 0x0a000000u | (random() & 0x1ffff);
      const bool expected = std::any_of(blocks.begin(), blocks.end(), [a](const ip_prefix& b) {
        return ((a ^ b.network.to_v4().to_uint()) & (~0u << (32 - b.bits))) == 0;
      });
      REQUIRE(s.contains(address_v4(a)) == expected);
      REQUIRE(s.contains(make_address_v6(asio::ip::v4_mapped, address_v4(a))) == expected);
    }
  }
}
