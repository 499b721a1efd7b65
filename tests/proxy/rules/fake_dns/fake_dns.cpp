// Names that get addresses, and the DNS answers with them.
#include "catch.hpp"

#include "message.hpp"

#include "proxy/fake_dns/fake_dns.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace fake_dns_test {
namespace {

using namespace rules_test;
using muxpro::address;
using muxpro::proxy::fake_dns;
using muxpro::proxy::fake_dns_options;

constexpr auto ipv4 = address::kind::ipv4, ipv6 = address::kind::ipv6;

fake_dns_options tiny(std::size_t capacity) {
  fake_dns_options o;
  o.v4 = "198.51.100.0/29";
  o.v6 = "2001:db8::/125";
  o.capacity = capacity;
  return o;
}

}  // namespace

TEST_CASE("fake_dns: a name has one address of each family", "[proxy][fake_dns]") {
  fake_dns dns;
  const auto a = dns.address_of("example.com", ipv4), b = dns.address_of("example.com", ipv6);
  CHECK(a == address("198.18.0.1"));
  CHECK(b == address("fc00::1"));
  CHECK(dns.address_of("EXAMPLE.com.", ipv4) == a);
  CHECK(dns.address_of("other.example", ipv4) == address("198.18.0.2"));
  CHECK(dns.find(*a).domain == "example.com");
  CHECK(dns.find(*b).domain == "example.com");
  CHECK(dns.find(*b).in_pool);
}

TEST_CASE("fake_dns: addresses without a name", "[proxy][fake_dns]") {
  fake_dns dns;
  for (const char* in :
       {"198.18.0.0", "198.18.0.1", "198.19.255.255", "fc00::", "fc00::1", "fc00:3fff:ffff::9"}) {
    INFO(in);
    CHECK(dns.find(in).in_pool);
    CHECK(dns.find(in).domain.empty());
  }
  for (const char* out : {"198.17.255.255", "198.20.0.0", "fbff::1", "fd00::1",
                          "fc00:4000::", "::ffff:198.18.0.1", "example.com"}) {
    INFO(out);
    CHECK_FALSE(dns.find(out).in_pool);
  }
}

TEST_CASE("fake_dns: what gets no address", "[proxy][fake_dns]") {
  fake_dns dns;
  for (const char* name : {"", ".", "a b", "192.0.2.1", "[::1]", "127.1", "a..b"})
    CHECK_FALSE(dns.address_of(name, ipv4));
  CHECK_FALSE(dns.address_of("example.com", address::kind::domain));
  fake_dns_options o;
  o.v6.clear();
  fake_dns only_v4(o);
  CHECK_FALSE(only_v4.address_of("example.com", ipv6));
  CHECK_FALSE(only_v4.find("fc00::1").in_pool);
}

TEST_CASE("fake_dns: the least recently used name is forgotten", "[proxy][fake_dns]") {
  fake_dns dns(tiny(3));
  const auto a = *dns.address_of("a", ipv4), b = *dns.address_of("b", ipv4), c = *dns.address_of("c", ipv4);
  CHECK(dns.find(a).domain == "a");  // used: b is the oldest now
  const auto d = *dns.address_of("d", ipv4);
  CHECK(dns.find(b).domain.empty());
  CHECK(dns.find(a).domain == "a");
  CHECK(dns.find(c).domain == "c");
  CHECK(std::set<std::string>{a.to_string(), b.to_string(), c.to_string(), d.to_string()}.size() == 4);
  // The other family has a pool of its own.
  CHECK(dns.address_of("b", ipv6) == address("2001:db8::1"));
}

TEST_CASE("fake_dns: a forgotten address rests until all others were given out", "[proxy][fake_dns]") {
  fake_dns dns(tiny(1));
  std::vector<std::string> given;
  for (int i = 0; i < 8; ++i) given.push_back(dns.address_of("n" + std::to_string(i), ipv4)->to_string());
  CHECK(std::set<std::string>(given.begin(), given.begin() + 7).size() == 7);  // all but the network's own
  CHECK(given[7] == given[0]);
  CHECK(given[0] == "198.51.100.1");
  CHECK(given[6] == "198.51.100.7");
}

TEST_CASE("fake_dns: random use agrees with a model", "[proxy][fake_dns][property]") {
  std::mt19937 random(7);
  for (const auto family : {ipv4, ipv6}) {
    fake_dns dns(tiny(4));
    std::vector<std::pair<std::string, address>> model;  // least recently used first
    const auto use = [&](std::size_t i) {
      std::rotate(model.begin() + static_cast<std::ptrdiff_t>(i),
                  model.begin() + static_cast<std::ptrdiff_t>(i) + 1, model.end());
    };
    for (int step = 0; step < 20000; ++step) {
      const std::string name = "n" + std::to_string(random() % 9);
      const auto known =
          std::find_if(model.begin(), model.end(), [&](const auto& e) { return e.first == name; });
      if (random() % 2 == 0) {
        const address a = *dns.address_of(name, family);
        if (known != model.end()) {
          REQUIRE(known->second == a);
          use(static_cast<std::size_t>(known - model.begin()));
        } else {
          if (model.size() == 4) model.erase(model.begin());
          for (const auto& e : model) REQUIRE(e.second != a);
          model.emplace_back(name, a);
        }
      } else if (known != model.end()) {
        REQUIRE(dns.find(known->second).domain == name);
        use(static_cast<std::size_t>(known - model.begin()));
      }
    }
  }
}

TEST_CASE("fake_dns: a full pool of the default size", "[proxy][fake_dns]") {
  fake_dns_options o;
  o.capacity = 2000;
  fake_dns dns(o);
  for (int i = 0; i < 6000; ++i) {
    const std::string name = "host-" + std::to_string(i) + ".example.com";
    REQUIRE(dns.find(*dns.address_of(name, ipv4)).domain == name);
    REQUIRE(dns.find(*dns.address_of(name, ipv6)).domain == name);
  }
  CHECK(dns.find("198.18.0.1").domain.empty());
}

TEST_CASE("fake_dns: threads share it", "[proxy][fake_dns]") {
  fake_dns dns(tiny(4));
  const auto work = [&dns] {
    for (int i = 0; i < 2000; ++i)
      dns.find(*dns.address_of("n" + std::to_string(i % 7), i % 2 ? ipv4 : ipv6));
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(dns.find("198.51.100.1").in_pool);
}

TEST_CASE("fake_dns: options are checked", "[proxy][fake_dns]") {
  const auto mistake = [](auto change) {
    fake_dns_options o;
    change(o);
    CHECK_THROWS_AS(fake_dns(o), std::invalid_argument);
    return o.validate();
  };
  CHECK(fake_dns_options().validate().empty());
  CHECK(mistake([](auto& o) { o.v4 = "fc00::/18"; }) ==
        "v4 is 'fc00::/18', it must be empty or an IPv4 block such as 198.18.0.0/15");
  CHECK(mistake([](auto& o) { o.v6 = "x"; }) ==
        "v6 is 'x', it must be empty or an IPv6 block such as fc00::/18");
  CHECK(mistake([](auto& o) { o.v4 = "198.18.0.0/17"; }) ==
        "v4 is '198.18.0.0/17', it must have twice as many addresses as capacity, which is 32768");
  CHECK(mistake([](auto& o) { o.capacity = 0; }) == "capacity is 0, it must be 1 to 1048576");
  CHECK(mistake([](auto& o) { o.ttl = std::chrono::seconds(0); }) == "ttl (s) is 0, it must be 1 to 86400");
}

}  // namespace fake_dns_test
