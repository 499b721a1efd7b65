// Addresses and targets as keys, and as Asio's types.
#include "catch.hpp"

#include <muxpro/asio_address.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <vector>

using namespace muxpro;

namespace {

const std::vector<destination>& some_destinations() {
  static const std::vector<destination> all{
      {network::tcp, "1.2.3.4", 80}, {network::udp, "1.2.3.4", 80},   {network::tcp, "1.2.3.4", 81},
      {network::tcp, "1.2.3.5", 80}, {network::tcp, "a.example", 80}, {network::tcp, "b.example", 80},
      {network::tcp, "::1", 80},     {network::tcp, "::1.2.3.4", 80}, {network::tcp, "::ffff:1.2.3.4", 80},
  };
  return all;
}

}  // namespace

TEST_CASE("destinations are keys of ordered and of hashed containers", "[destination]") {
  const auto& all = some_destinations();
  const std::set<destination> ordered(all.begin(), all.end());
  const std::unordered_set<destination> hashed(all.begin(), all.end());
  CHECK(ordered.size() == all.size());
  CHECK(hashed.size() == all.size());
  for (const destination& d : all) {
    CHECK(ordered.count(d) == 1);
    CHECK(hashed.count(d) == 1);
  }
  const std::unordered_set<address> hosts{"1.2.3.4", "::1", "[::1]", "a.example"};
  CHECK(hosts.size() == 3);
  const std::map<host_port, int> ports{{{"1.2.3.4", 2}, 2}, {{"1.2.3.4", 1}, 1}};
  CHECK(ports.begin()->second == 1);
  CHECK(std::unordered_set<host_port>{{"1.2.3.4", 2}, {"1.2.3.4", 1}}.size() == 2);
}

TEST_CASE("the order of destinations is total and fits their equality", "[destination]") {
  for (const destination& a : some_destinations())
    for (const destination& b : some_destinations()) {
      CHECK((a < b) + (b < a) + (a == b) == 1);
      CHECK((a <=> b == 0) == (std::hash<destination>()(a) == std::hash<destination>()(b)));
    }
  CHECK(address("9.9.9.9") < address("1.example"));
  CHECK(address("1.example") < address("::1"));
  CHECK(address("1.2.3.4") < address("1.2.3.10"));
}

TEST_CASE("an address goes to Asio and comes back", "[destination][asio]") {
  for (const char* text :
       {"0.0.0.0", "1.2.3.4", "255.255.255.255", "::", "::1", "2001:db8::7", "::ffff:1.2.3.4"}) {
    const address a(text);
    REQUIRE(to_ip(a));
    CHECK(*to_ip(a) == asio::ip::make_address(text));
    CHECK(to_address(*to_ip(a)) == a);
  }
  CHECK_FALSE(to_ip("example.com"));
  const asio::ip::address_v6 scoped(asio::ip::make_address_v6("fe80::1").to_bytes(), 7);
  CHECK(to_address(scoped) == address("fe80::1"));
}

TEST_CASE("endpoints become targets, and the reverse", "[destination][asio]") {
  const asio::ip::tcp::endpoint tcp(asio::ip::make_address("2001:db8::7"), 443);
  const asio::ip::udp::endpoint udp(asio::ip::make_address("1.2.3.4"), 53);
  CHECK(to_destination(tcp) == destination(network::tcp, "2001:db8::7", 443));
  CHECK(to_destination(udp) == destination(network::udp, "1.2.3.4", 53));
  CHECK(to_host_port(udp) == host_port("1.2.3.4", 53));
  CHECK(to_endpoint<asio::ip::tcp>({"2001:db8::7", 443}) == tcp);
  CHECK(to_endpoint<asio::ip::udp>({"1.2.3.4", 53}) == udp);
  CHECK_FALSE(to_endpoint<asio::ip::tcp>({"example.com", 443}));
}
