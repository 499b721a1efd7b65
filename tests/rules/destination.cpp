// Addresses and destinations: parsing, validity, formatting.
#include "catch.hpp"

#include <muxpro/destination.hpp>

#include <random>
#include <string>
#include <string_view>

using namespace muxpro;
using kind = muxpro::address::kind;

namespace {

struct spelling {
  std::string_view given;
  std::string_view canonical;
};

}  // namespace

TEST_CASE("address: the default is 0.0.0.0", "[destination]") {
  const address a;
  CHECK(a.type() == kind::ipv4);
  CHECK(a.to_string() == "0.0.0.0");
  CHECK(a == address("0.0.0.0"));
  CHECK(destination{}.net == network::tcp);
  CHECK(destination{}.port == 0);
}

TEST_CASE("address: IPv4", "[destination]") {
  for (const char* text : {"0.0.0.0", "1.2.3.4", "127.0.0.1", "169.254.169.254", "255.255.255.255"}) {
    CAPTURE(text);
    const address a(text);
    CHECK(a.type() == kind::ipv4);
    CHECK(a.valid());
    CHECK_FALSE(a.is_domain());
    CHECK(a.domain() == "");
    CHECK(a.octets().size() == 4);
    CHECK(a.to_string() == text);
  }
  CHECK(address("1.2.3.4") == address::v4({1, 2, 3, 4}));
  CHECK(address("1.2.3.4").octets()[3] == 4);
}

TEST_CASE("address: IPv6 in every spelling, also in brackets", "[destination]") {
  const spelling all[] = {
      {"::", "::"},
      {"::1", "::1"},
      {"[::]", "::"},
      {"[::1]", "::1"},
      {"2001:db8::1", "2001:db8::1"},
      {"2001:DB8::1", "2001:db8::1"},
      {"[2001:0db8:0000:0000:0000:0000:0000:0001]", "2001:db8::1"},
      {"2001:db8:0:0:0:0:0:1", "2001:db8::1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"::ffff:127.0.0.1", "::ffff:127.0.0.1"},
      {"[::ffff:7f00:1]", "::ffff:127.0.0.1"},
      {"0000:0000:0000:0000:0000:ffff:255.255.255.255", "::ffff:255.255.255.255"},
  };
  for (const spelling& s : all) {
    CAPTURE(s.given);
    const address a(s.given);
    CHECK(a.type() == kind::ipv6);
    CHECK(a.valid());
    CHECK(a.domain() == "");
    CHECK(a.octets().size() == 16);
    CHECK(a.to_string() == s.canonical);
    CHECK(a == address(s.canonical));
  }
  CHECK(address("::1") == address::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST_CASE("address: an IPv4-mapped address stays IPv6", "[destination]") {
  const address mapped("::ffff:127.0.0.1");
  CHECK(mapped == address::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}));
  CHECK_FALSE(mapped == address("127.0.0.1"));
}

TEST_CASE("address: random octets survive their spelling", "[destination]") {
  std::mt19937_64 rng(1);
  for (int i = 0; i < 5000; ++i) {
    std::array<std::uint8_t, 16> octets{};
    for (auto& o : octets) o = rng() % 3 == 0 ? static_cast<std::uint8_t>(rng()) : std::uint8_t{0};
    const address v6 = address::v6(octets);
    const address v4 = address::v4({octets[0], octets[1], octets[2], octets[3]});
    CAPTURE(v6.to_string(), v4.to_string());
    REQUIRE(address(v6.to_string()) == v6);
    REQUIRE(address("[" + v6.to_string() + "]") == v6);
    REQUIRE(address(v4.to_string()) == v4);
  }
}

TEST_CASE("address: domain names that can be sent", "[destination]") {
  const std::string all[] = {
      "a",
      "localhost",
      "localhost.",
      "example.com",
      "EXAMPLE.com",
      "xn--bcher-kva.example",
      "_dmarc.a.b",
      "a-b.c",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3.4a",
      "0177.0.0.01",
      "mux.pro",
      std::string(46, 'f'),
      std::string(64, 'a'),
      std::string(255, 'a'),
  };
  for (const std::string& name : all) {
    CAPTURE(name);
    const address a(name);
    CHECK(a.type() == kind::domain);
    CHECK(a.is_domain());
    CHECK(a.valid());
    CHECK(a.octets().empty());
    CHECK(a.domain() == name);
    CHECK(a.to_string() == name);
  }
}

TEST_CASE("address: domain names that cannot be sent", "[destination]") {
  using namespace std::string_literals;
  const std::string all[] = {
      ""s,
      std::string(256, 'a'),
      std::string(100000, 'a'),
      "\0"s,
      "a\0"s,
      "local\0host"s,
      "127.0.0.1\0"s,
      "::1\0"s,
      "[::1\0]"s,
      " "s,
      " 127.0.0.1"s,
      "127.0.0.1 "s,
      "a b"s,
      "a\tb"s,
      "a\r\nb"s,
      "a/b"s,
      "a:80"s,
      "user@a"s,
      "a%00"s,
      "a\x7f"s,
      "b\xc3\xbcz.example"s,
      "a\xff"s,
      "*"s,
      "[]"s,
      "["s,
      "]"s,
      "[::1"s,
      "::1]"s,
      "[[::1]]"s,
      "[::1]:80"s,
      "[127.0.0.1]"s,
      "[example.com]"s,
      "1::2::3"s,
      ":"s,
      ":::"s,
      "12345::"s,
      "fe80::1%eth0"s,
      "[fe80::1%25eth0]"s,
      "::ffff:1.2.3"s,
  };
  for (const std::string& name : all) {
    CAPTURE(name);
    const address a(name);
    CHECK(a.is_domain());
    CHECK_FALSE(a.valid());
    CHECK(a.domain() == name);
  }
}

TEST_CASE("address: which bytes a name may have", "[destination]") {
  for (int c = 0; c < 256; ++c) {
    CAPTURE(c);
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                         c == '-' || c == '.' || c == '_';
    CHECK(address(std::string("x") + static_cast<char>(c)).valid() == allowed);
  }
}

TEST_CASE("address: equality compares kind and content", "[destination]") {
  const address different[] = {"a", "b", "A", "", "0.0.0.0", "::", "1.2.3.4", "::ffff:1.2.3.4", "102:304::"};
  for (const address& a : different)
    for (const address& b : different) {
      CAPTURE(a.to_string(), b.to_string());
      CHECK((a == b) == (&a == &b));
    }
}

TEST_CASE("destination: spelling", "[destination]") {
  struct {
    destination value;
    const char* expected;
  } const all[] = {
      {{network::tcp, "example.com", 443}, "tcp:example.com:443"},
      {{network::tcp, "192.0.2.1", 80}, "tcp:192.0.2.1:80"},
      {{network::udp, "2001:db8::1", 53}, "udp:[2001:db8::1]:53"},
      {{network::udp, "[::1]", 0}, "udp:[::1]:0"},
      {{network::tcp, "::ffff:127.0.0.1", 65535}, "tcp:[::ffff:127.0.0.1]:65535"},
      {{network::tcp, "", 1}, "tcp::1"},
      {{static_cast<network>(3), "a", 1}, "?:a:1"},
  };
  for (const auto& c : all) {
    CHECK(to_string(c.value) == c.expected);
    CHECK(fmt::format("{}", c.value) == c.expected);
  }
  CHECK(to_string(host_port{"2001:db8::1", 53}) == "[2001:db8::1]:53");
  CHECK(to_string(host_port{"mux.pro", 9527}) == "mux.pro:9527");
  CHECK(fmt::format("<{:>22}>", destination{network::tcp, "mux.pro", 9527}) == "<      tcp:mux.pro:9527>");
}

TEST_CASE("destination: equality compares every field", "[destination]") {
  const destination d{network::tcp, "a", 1};
  CHECK(d == destination{network::tcp, "a", 1});
  CHECK_FALSE(d == destination{network::udp, "a", 1});
  CHECK_FALSE(d == destination{network::tcp, "b", 1});
  CHECK_FALSE(d == destination{network::tcp, "a", 2});
  CHECK_FALSE(host_port{"a", 1} == host_port{"a", 2});
}
