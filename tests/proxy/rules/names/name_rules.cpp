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
  for (auto& s : o.servers) s.transport = dns_transport::udp;
  o.servers[1].domains = {"domain:b.example"};
  o.servers[2].domains = {"full:x.b.example"};
  o.servers[2].skip_fallback = true;
  geo_files none;
  const name_rules rules(o, none);
  CHECK(rules.servers_for("other.example") == numbers{0, 1, 3});
  CHECK(rules.servers_for("b.example") == numbers{1, 0, 3});
  CHECK(rules.servers_for("x.b.example") == numbers{1, 2, 0, 3});
  using use = dns_options::fallback_use;
  o.fallback = use::without_match;
  CHECK(name_rules(o, none).servers_for("x.b.example") == numbers{1, 2});
  CHECK(name_rules(o, none).servers_for("y.example") == numbers{0, 1, 3});
  o.fallback = use::never;
  CHECK(name_rules(o, none).servers_for("x.b.example") == numbers{1, 2});
  CHECK(name_rules(o, none).servers_for("y.example") == numbers{0});
  o.fallback = use::always;
  o.servers[2].final_query = true;
  CHECK(name_rules(o, none).servers_for("x.b.example") == numbers{1, 2});
  o.servers[0].final_query = true;
  CHECK(name_rules(o, none).servers_for("y.example") == numbers{0});
}

TEST_CASE("name_rules: names of the servers themselves are the system's", "[proxy][names]") {
  geo_files none;
  dns_options o;
  CHECK(name_rules(o, none).servers_for("a.example") == numbers{name_rules::system_server});
  o.servers.resize(2);
  for (auto& s : o.servers) s.transport = dns_transport::https;
  o.servers[0].at.host = "dns.example.net";
  o.servers[1].at.host = "192.0.2.1";
  const name_rules rules(o, none);
  CHECK(rules.servers_for("dns.example.net") == numbers{name_rules::system_server});
  CHECK(rules.servers_for("x.example.net") == numbers{0, 1});
  CHECK(rules.server(name_rules::system_server).transport == dns_transport::system);
}

TEST_CASE("name_rules: localhost has the names that no other server can have", "[proxy][names]") {
  geo_files none;
  dns_options o;
  o.servers.resize(2);
  o.servers[0].transport = dns_transport::udp;
  const name_rules rules(o, none);
  for (const char* name : {"printer", "printer.lan", "x.local", "x.home.arpa"})
    CHECK(rules.servers_for(name) == numbers{1, 0});
  CHECK(rules.servers_for("a.example.net") == numbers{0, 1});
  CHECK(rules.reads_system_hosts("printer"));
  CHECK_FALSE(rules.reads_system_hosts("a.example.net"));
  o.system_hosts = true;
  CHECK(name_rules(o, none).reads_system_hosts("a.example.net"));
}

TEST_CASE("name_rules: where FakeDNS stands among the servers", "[proxy][names]") {
  using use = name_rules::fakes_use;
  geo_files none;
  dns_options o;
  o.servers.resize(2);
  o.servers[0].transport = dns_transport::fakes;
  o.servers[0].domains = {"domain:a.net"};
  o.servers[0].skip_fallback = true;
  o.servers[1].transport = dns_transport::udp;
  CHECK(name_rules(o, none).fakes_for("x.a.net") == use::first);
  CHECK(name_rules(o, none).fakes_for("b.net") == use::none);
  o.servers[0].skip_fallback = false;
  std::swap(o.servers[0], o.servers[1]);
  CHECK(name_rules(o, none).fakes_for("b.net") == use::last);
}

TEST_CASE("name_rules: all patterns of a name make its answer", "[proxy][names]") {
  geo_files none;
  dns_options o;
  o.hosts = {{"domain:b.net", {ip("192.0.2.1")}, ""},
             {"full:a.b.net", {ip("192.0.2.2")}, ""},
             {"keyword:none", {}, "", 3},
             {"keyword:a", {}, "other.net"}};
  const name_rules rules(o, none);
  CHECK(rules.host_of("a.b.net")->addresses == std::vector{ip("192.0.2.1"), ip("192.0.2.2")});
  CHECK(rules.host_of("a.b.net")->alias.empty());
  CHECK(rules.host_of("none.b.net")->rcode == 3U);
  CHECK(rules.host_of("a.net")->alias == "other.net");
}

TEST_CASE("name_rules: servers are alike if only their places differ", "[proxy][names]") {
  geo_files none;
  dns_options o;
  o.servers.resize(3);
  for (auto& s : o.servers) s.transport = dns_transport::udp;
  o.servers[0].at = {"192.0.2.1", 53};
  o.servers[1].transport = dns_transport::tcp;
  o.servers[2].tag = "t";
  const name_rules rules(o, none);
  CHECK(rules.are_alike(0, 1));
  CHECK_FALSE(rules.are_alike(1, 2));
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

TEST_CASE("name_rules: with a star other addresses are used if none match", "[proxy][names]") {
  dns_options o;
  o.servers.resize(2);
  o.servers[0].expected = {"10.0.0.0/8"};
  o.servers[0].prefers_expected = true;
  o.servers[1].unexpected = {"10.0.0.0/8"};
  o.servers[1].avoids_unexpected = true;
  geo_files none;
  const name_rules rules(o, none);
  const std::vector both{ip("10.1.2.3"), ip("8.8.8.8")}, inner{ip("10.1.2.3")}, outer{ip("8.8.8.8")};
  const auto filtered = [&](std::size_t n, std::vector<asio::ip::address> all) {
    rules.filter(n, all);
    return all;
  };
  CHECK(filtered(0, both) == inner);
  CHECK(filtered(0, outer) == outer);
  CHECK(filtered(1, both) == outer);
  CHECK(filtered(1, inner) == inner);
  CHECK(filtered(name_rules::system_server, both) == both);
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
