// Invalid rules are refused with one sentence, which names the place and the valid values.
#include "catch.hpp"

#include "proxy/routing/router.hpp"

#include <stdexcept>
#include <string>

namespace {

using namespace muxpro::proxy;

/// Of the second rule.
template <class Change>
std::string rule_mistake(Change change) {
  router_options o;
  o.outbound_tags = {"a", "b"};
  o.rules.resize(2);
  for (routing_rule& r : o.rules) r.outbound_tag = "a";
  o.rules[0].network = "tcp";
  change(o.rules[1], o);
  geo_files none;
  try {
    router r(o, none);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

const std::string ports_allowed =
    "it must be a list of ports and ranges of 0 to 65535, such as 53,443,1000-2000";

}  // namespace

TEST_CASE("router: mistakes in fields", "[proxy][router]") {
  const auto field = [](auto change) {
    return rule_mistake([&](routing_rule& r, router_options&) { change(r); });
  };
  CHECK(field([](auto& r) { r.port = "80"; }) == "");
  CHECK(field([](auto&) {}) ==
        "rules[1].network is '', and so is every other field; tcp,udp matches everything");
  CHECK(field([](auto& r) { r.port = "70000"; }) == "rules[1].port is '70000', " + ports_allowed);
  CHECK(field([](auto& r) { r.source_port = "x"; }) == "rules[1].source_port is 'x', " + ports_allowed);
  CHECK(field([](auto& r) { r.network = "icmp"; }) ==
        "rules[1].network is 'icmp', it must be tcp, udp or tcp,udp");
  CHECK(field([](auto& r) {
          r.ip = {"10.0.0.1", "10.0.0.0/33"};
        }) ==
        "rules[1].ip is '10.0.0.0/33', it must be an address, a block such as 10.0.0.0/8, geoip:LIST or "
        "ext:FILE:LIST, or "
        "one of them behind '!'");
  CHECK(field([](auto& r) { r.source_ip = {"geoip:cn"}; }) ==
        "rules[1].source_ip is 'geoip:cn', and there is no file geoip.dat");
  CHECK(field([](auto& r) { r.domain = {"geosite:cn"}; }) ==
        "rules[1].domain is 'geosite:cn', and there is no file geosite.dat");
  CHECK(field([](auto& r) { r.domain = {"full:a b"}; }) ==
        "rules[1].domain is 'full:a b', it must be a domain name of letters, digits, '-', '_' and '.'");
  CHECK(field([](auto& r) { r.user = {"regexp:["}; }) ==
        "rules[1].user is 'regexp:[', it must be a regular expression in RE2's syntax: missing ]: [");
  CHECK(field([](auto& r) { r.user = {""}; }) ==
        "rules[1].user is '', it must be the name of a user, or regexp:EXPRESSION");
  CHECK(field([](auto& r) {
          r.attrs = {{":path", "*"}};
        }) ==
        "rules[1].attrs[':path'] is '*', it must be a regular expression in RE2's syntax: no argument for "
        "repetition operator: *");
  CHECK(field([](auto& r) { r.protocol = {""}; }) == "rules[1].protocol is '', it must not be empty");
  CHECK(field([](auto& r) {
          r.inbound_tag = {"x", ""};
        }) == "rules[1].inbound_tag is '', it must not be empty");
}

TEST_CASE("router: mistakes in targets", "[proxy][router]") {
  const auto target = [](auto change) {
    return rule_mistake([&](routing_rule& r, router_options& o) {
      r.network = "tcp";
      r.outbound_tag.clear();
      change(r, o);
    });
  };
  CHECK(target([](auto&, auto&) {}) == "rules[1].outbound_tag is '', it must be one of a, b");
  CHECK(target([](auto& r, auto&) { r.outbound_tag = "c"; }) ==
        "rules[1].outbound_tag is 'c', it must be one of a, b");
  CHECK(target([](auto& r, auto& o) {
          r.balancer_tag = "z";
          o.balancers = {{"x", {"a"}, balancing::random, ""}, {"y", {"a"}, balancing::random, ""}};
        }) == "rules[1].balancer_tag is 'z', it must be one of x, y");
  // The outbound counts where both are given.
  CHECK(target([](auto& r, auto&) { r.outbound_tag = "b", r.balancer_tag = "z"; }) == "");
  CHECK(target([](auto&, auto& o) { o.outbound_tags.clear(); }) ==
        "outbound_tags is '', it must name all outbounds");
}

TEST_CASE("router: mistakes in balancers", "[proxy][router]") {
  const auto balancers = [](std::vector<balancer_options> all) {
    return rule_mistake([&](routing_rule& r, router_options& o) {
      r.network = "tcp";
      o.balancers = all;
    });
  };
  const balancer_options good{"x", {"a"}, balancing::random, "b"};
  CHECK(balancers({good}) == "");
  CHECK(balancers({good, good}) == "balancers[1].tag is 'x', it must be a name that no other balancer has");
  CHECK(balancers({{"", {"a"}, balancing::random, ""}}) ==
        "balancers[0].tag is '', it must be a name that no other balancer has");
  CHECK(balancers({{"x", {"c", "d"}, balancing::random, ""}}) ==
        "balancers[0].selector is 'c, d', it must be beginnings of a, b");
  CHECK(balancers({{"x", {}, balancing::random, ""}}) ==
        "balancers[0].selector is '', it must be beginnings of a, b");
  CHECK(balancers({{"x", {"a"}, balancing::random, "c"}}) ==
        "balancers[0].fallback_tag is 'c', it must be empty or one of a, b");
}
