#include "catch.hpp"

#include "proxy/names/name_rules.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace rules_of_names {

using namespace muxpro::proxy;
using numbers = std::vector<std::size_t>;

asio::ip::address ip(const char* text) { return asio::ip::make_address(text); }

TEST_CASE("name_rules: hosts by whole names and by patterns", "[proxy][names]") {
  dns_options o;
  o.hosts = {
      {"a.example", {ip("192.0.2.1")}, ""}, {"domain:b.example", {}, "c.example"}, {"keyword:ads", {}, ""}};
  geo_files none;
  const name_rules rules(o, none);
  REQUIRE(rules.host_of("a.example"));
  CHECK(rules.host_of("a.example")->addresses == std::vector{ip("192.0.2.1")});
  CHECK_FALSE(rules.host_of("x.a.example"));
  REQUIRE(rules.host_of("x.b.example"));
  CHECK(rules.host_of("x.b.example")->alias == "c.example");
  CHECK(rules.host_of("my-ads.example"));
  CHECK_FALSE(rules.host_of("other.example"));
  CHECK_FALSE(rules.has_servers());
}

TEST_CASE("name_rules: servers of a name come first, then those for all", "[proxy][names]") {
  dns_options o;
  o.servers.resize(4);
  o.servers[1].domains = {"domain:b.example"};
  o.servers[2].domains = {"full:x.b.example"};
  o.servers[2].skip_fallback = true;
  geo_files none;
  const name_rules rules(o, none);
  CHECK(rules.servers_for("other.example") == numbers{0, 1, 3});
  CHECK(rules.servers_for("b.example") == numbers{1, 0, 3});
  CHECK(rules.servers_for("x.b.example") == numbers{1, 2, 0, 3});
  o.fallback = false;
  CHECK(name_rules(o, none).servers_for("x.b.example") == numbers{1, 2});
  CHECK(name_rules(o, none).servers_for("y.example") == numbers{0, 1, 3});
}

TEST_CASE("name_rules: answers are filtered by the rules of their server", "[proxy][names]") {
  dns_options o;
  o.servers.resize(2);
  o.servers[0].expected = {"10.0.0.0/8"};
  o.servers[1].unexpected = {"geoip:private"};
  geo_files none;
  const name_rules rules(o, none);
  std::vector<asio::ip::address> all{ip("10.1.2.3"), ip("8.8.8.8")};
  rules.filter(0, all);
  CHECK(all == std::vector{ip("10.1.2.3")});
  rules.filter(1, all);
  CHECK(all.empty());
}

TEST_CASE("name_rules: what cannot be is one sentence", "[proxy][names]") {
  geo_files none;
  dns_options o;
  o.hosts = {{"regexp:(", {}, ""}};
  CHECK_THROWS_AS(name_rules(o, none), std::invalid_argument);
  o.hosts = {{"geosite:x", {}, ""}};
  CHECK_THROWS_WITH(name_rules(o, none), "hosts is 'geosite:x', and there is no file geosite.dat");
}

}  // namespace rules_of_names
