// Which outbound a connection goes to.
#include "catch.hpp"

#include "geo_message.hpp"

#include "proxy/routing/router.hpp"

#include <muxpro/proxy/context.hpp>

#include <string>
#include <vector>

namespace {

using namespace muxpro::proxy;
using asio::ip::make_address;
using muxpro::destination;
using muxpro::network;
using addresses = std::vector<asio::ip::address>;

routing_rule rule_to(const std::string& tag) {
  routing_rule r;
  r.outbound_tag = tag;
  return r;
}

router_options options_of(std::vector<routing_rule> rules) {
  router_options o;
  o.rules = std::move(rules);
  o.outbound_tags = {"first", "a", "b", "block"};
  return o;
}

route_request request_to(const std::string& host, std::uint16_t port = 443, network net = network::tcp) {
  route_request r;
  r.target = {net, host, port};
  return r;
}

router made(const router_options& o) {
  geo_files none;
  return router(o, none);
}

/// The decision without a question about addresses.
std::string tag_of(const router& r, const route_request& request) {
  const auto decided = r.route(request);
  return decided ? decided->outbound_tag : "?";
}

/// Whether one rule matches.
template <class Change>
bool rule_matches(Change change, const route_request& request) {
  routing_rule r = rule_to("a");
  change(r);
  return tag_of(made(options_of({r})), request) == "a";
}

}  // namespace

TEST_CASE("router: the first rule that matches decides, or the first outbound", "[proxy][router]") {
  routing_rule one = rule_to("a"), two = rule_to("b");
  one.domain = {"domain:example.com"};
  two.domain = {"keyword:example"};
  const router r = made(options_of({one, two}));
  CHECK(r.route(request_to("www.example.com")) == route_decision{"a", 0});
  CHECK(r.route(request_to("www.example.net")) == route_decision{"b", 1});
  CHECK(r.route(request_to("www.test")) == route_decision{"first", std::nullopt});
  CHECK(made(options_of({})).route(request_to("a")) == route_decision{"first", std::nullopt});
}

TEST_CASE("router: names are compared without case and last dot (J11)", "[proxy][router]") {
  const auto local = [](routing_rule& r) { r.domain = {"full:LocalHost"}; };
  for (const char* name : {"localhost", "LOCALHOST", "LocalHost."})
    CHECK(rule_matches(local, request_to(name)));
  CHECK_FALSE(rule_matches(local, request_to("localhost.example")));
}

TEST_CASE("router: rules about domains look at the sniffed name, those about addresses at the target",
          "[proxy][router]") {
  route_request sniffed = request_to("203.0.113.5");
  sniffed.domain = "WWW.example.com";
  CHECK(rule_matches([](auto& r) { r.domain = {"example.com"}; }, sniffed));
  CHECK(rule_matches([](auto& r) { r.ip = {"203.0.113.0/24"}; }, sniffed));
  CHECK(rule_matches(
      [](auto& r) {
        r.domain = {"example.com"};
        r.ip = {"203.0.113.0/24"};
      },
      sniffed));
  CHECK_FALSE(rule_matches(
      [](auto& r) {
        r.domain = {"example.com"};
        r.ip = {"198.51.100.0/24"};
      },
      sniffed));
  CHECK_FALSE(rule_matches([](auto& r) { r.domain = {"regexp:."}; }, request_to("203.0.113.5")));
}

TEST_CASE("router: ports", "[proxy][router]") {
  const auto ports = [](routing_rule& r) { r.port = "53,1000-2000"; };
  CHECK(rule_matches(ports, request_to("a", 53)));
  CHECK(rule_matches(ports, request_to("a", 1500)));
  CHECK_FALSE(rule_matches(ports, request_to("a", 54)));
  route_request r = request_to("a");
  r.source_port = 700;
  CHECK(rule_matches([](auto& x) { x.source_port = "700"; }, r));
  CHECK_FALSE(rule_matches([](auto& x) { x.source_port = "443"; }, r));
}

TEST_CASE("router: networks", "[proxy][router]") {
  const auto matches = [](const char* text, network n) {
    return rule_matches([text](auto& r) { r.network = text; }, request_to("a", 1, n));
  };
  CHECK(matches("tcp", network::tcp));
  CHECK_FALSE(matches("tcp", network::udp));
  CHECK(matches("udp", network::udp));
  CHECK_FALSE(matches("udp", network::tcp));
  for (const char* both : {"tcp,udp", "udp,tcp"})
    CHECK((matches(both, network::tcp) && matches(both, network::udp)));
}

TEST_CASE("router: sources", "[proxy][router]") {
  const auto from = [](const char* a) {
    route_request r = request_to("a");
    r.source = make_address(a);
    return r;
  };
  const auto local = [](routing_rule& r) { r.source_ip = {"10.0.0.0/8", "2001:db8::1"}; };
  CHECK(rule_matches(local, from("10.1.2.3")));
  CHECK(rule_matches(local, from("::ffff:10.1.2.3")));
  CHECK(rule_matches(local, from("2001:db8::1")));
  CHECK_FALSE(rule_matches(local, from("11.1.2.3")));
  // An unknown source is neither inside nor outside.
  CHECK_FALSE(rule_matches([](auto& r) { r.source_ip = {"!10.0.0.0/8"}; }, request_to("a")));
  CHECK_FALSE(rule_matches([](auto& r) { r.source_ip = {"0.0.0.0/0"}; }, request_to("a")));
}

TEST_CASE("router: inbounds, users and protocols", "[proxy][router]") {
  route_request r = request_to("a");
  r.inbound_tag = "socks-in";
  r.user = "love@example.com";
  r.protocol = "http1";
  CHECK(rule_matches([](auto& x) { x.inbound_tag = {"other", "socks-in"}; }, r));
  CHECK_FALSE(rule_matches([](auto& x) { x.inbound_tag = {"socks"}; }, r));
  CHECK(rule_matches([](auto& x) { x.user = {"love@example.com"}; }, r));
  CHECK(rule_matches([](auto& x) { x.user = {"hate@example.com", "regexp:^l.*@example\\.com$"}; }, r));
  CHECK_FALSE(rule_matches([](auto& x) { x.user = {"love", "regexp:^example"}; }, r));
  CHECK(rule_matches([](auto& x) { x.protocol = {"tls", "http"}; }, r));
  CHECK_FALSE(rule_matches([](auto& x) { x.protocol = {"http11"}; }, r));
  // What is not known matches nothing.
  const route_request unknown = request_to("a");
  CHECK_FALSE(rule_matches([](auto& x) { x.user = {"regexp:.*"}; }, unknown));
  CHECK_FALSE(rule_matches([](auto& x) { x.protocol = {"h"}; }, unknown));
  // A rule can also name traffic whose protocol was not recognized.
  CHECK(rule_matches([](auto& x) { x.protocol = {"tls", "unknown"}; }, unknown));
  CHECK_FALSE(rule_matches([](auto& x) { x.protocol = {"u"}; }, unknown));
  CHECK_FALSE(rule_matches([](auto& x) { x.protocol = {"unknown"}; }, r));
  CHECK_FALSE(rule_matches([](auto& x) { x.inbound_tag = {"x"}; }, unknown));
}

TEST_CASE("router: attributes, all of them", "[proxy][router]") {
  route_request r = request_to("a");
  r.attrs = {{":method", "GET"}, {":path", "/test/1"}, {"accept", "text/html"}};
  CHECK(rule_matches([](auto& x) { x.attrs = {{":method", "GET"}}; }, r));
  CHECK(rule_matches([](auto& x) { x.attrs = {{":path", "^/test/[0-9]$"}, {"Accept", "text/html"}}; }, r));
  CHECK_FALSE(rule_matches([](auto& x) { x.attrs = {{":method", "GET"}, {":path", "^/other"}}; }, r));
  CHECK_FALSE(rule_matches([](auto& x) { x.attrs = {{"cookie", ""}}; }, r));
  CHECK(rule_matches([](auto& x) { x.attrs = {{"accept", ""}}; }, r));
  CHECK_FALSE(rule_matches([](auto& x) { x.attrs = {{"accept", ""}}; }, request_to("a")));
}

TEST_CASE("router: all fields must match", "[proxy][router]") {
  routing_rule all = rule_to("a");
  all.domain = {"example"};
  all.port = "443";
  all.network = "tcp";
  all.source_ip = {"10.0.0.0/8"};
  all.inbound_tag = {"in"};
  all.user = {"u"};
  all.protocol = {"tls"};
  all.attrs = {{"x", "y"}};
  const router r = made(options_of({all}));
  route_request good = request_to("www.example.com");
  good.source = make_address("10.0.0.1");
  good.inbound_tag = "in";
  good.user = "u";
  good.protocol = "tls";
  good.attrs = {{"x", "y"}};
  CHECK(tag_of(r, good) == "a");
  const auto without = [&](auto change) {
    route_request bad = good;
    change(bad);
    return tag_of(r, bad);
  };
  CHECK(without([](auto& x) { x.target.host = "www.test"; }) == "first");
  CHECK(without([](auto& x) { x.target.port = 80; }) == "first");
  CHECK(without([](auto& x) { x.target.net = network::udp; }) == "first");
  CHECK(without([](auto& x) { x.source = make_address("11.0.0.1"); }) == "first");
  CHECK(without([](auto& x) { x.inbound_tag = "out"; }) == "first");
  CHECK(without([](auto& x) { x.user.clear(); }) == "first");
  CHECK(without([](auto& x) { x.protocol = "quic"; }) == "first");
  CHECK(without([](auto& x) { x.attrs.clear(); }) == "first");
}

TEST_CASE("router: strategies for names", "[proxy][router]") {
  routing_rule by_ip = rule_to("a"), by_name = rule_to("b");
  by_ip.ip = {"10.0.0.0/8"};
  by_ip.port = "443";
  by_name.domain = {"full:known.example"};
  router_options o = options_of({by_ip, by_name});
  const addresses inside{make_address("192.0.2.1"), make_address("10.1.1.1")},
      outside{make_address("192.0.2.1")};

  const router as_is = made(o);
  CHECK(tag_of(as_is, request_to("known.example")) == "b");
  CHECK(tag_of(as_is, request_to("other.example")) == "first");

  o.strategy = domain_strategy::ip_if_non_match;
  const router later = made(o);
  CHECK(tag_of(later, request_to("known.example")) == "b");
  CHECK(tag_of(later, request_to("other.example")) == "?");
  CHECK(later.route(request_to("other.example"), inside) == route_decision{"a", 0});
  CHECK(later.route(request_to("other.example"), outside) == route_decision{"first", std::nullopt});
  CHECK(later.route(request_to("other.example"), addresses()) == route_decision{"first", std::nullopt});
  CHECK(tag_of(later, request_to("other.example", 80)) == "first");  // no rule depends on the answer

  o.strategy = domain_strategy::ip_on_demand;
  const router at_once = made(o);
  CHECK(tag_of(at_once, request_to("known.example")) == "?");
  CHECK(at_once.route(request_to("known.example"), inside) == route_decision{"a", 0});
  CHECK(at_once.route(request_to("known.example"), outside) == route_decision{"b", 1});
  CHECK(tag_of(at_once, request_to("known.example", 80)) == "b");
}

TEST_CASE("router: addresses are looked up only if a rule needs them", "[proxy][router]") {
  routing_rule by_ip = rule_to("a");
  by_ip.ip = {"10.0.0.0/8"};
  for (const auto strategy : {domain_strategy::ip_if_non_match, domain_strategy::ip_on_demand}) {
    router_options o = options_of({by_ip});
    o.strategy = strategy;
    const router r = made(o);
    CHECK(tag_of(r, request_to("10.1.1.1")) == "a");
    CHECK(tag_of(r, request_to("11.1.1.1")) == "first");
    route_request own = request_to("dns.example");
    CHECK(tag_of(r, own) == "?");
    own.may_resolve = false;
    CHECK(tag_of(r, own) == "first");
    route_request sniffed = request_to("11.1.1.1");
    sniffed.domain = "www.example.com";
    CHECK(tag_of(r, sniffed) == "first");
  }
}

TEST_CASE("router: negated addresses need an address", "[proxy][router]") {
  routing_rule foreign = rule_to("a");
  foreign.ip = {"!10.0.0.0/8"};
  const router r = made(options_of({foreign}));
  CHECK(tag_of(r, request_to("11.0.0.1")) == "a");
  CHECK(tag_of(r, request_to("10.0.0.1")) == "first");
  CHECK(tag_of(r, request_to("some.example")) == "first");
  CHECK(r.route(request_to("some.example"), addresses()).outbound_tag == "first");
}

TEST_CASE("router: geo data", "[proxy][router]") {
  using namespace rules_test;
  geo_files geo;
  geo.add("geosite.dat", geo_list_of("CN", {geo_domain_of(2, "example.cn")}));
  geo.add("geoip.dat", geo_list_of("CN", {geo_block({1, 2, 0, 0}, 16)}));
  routing_rule sites = rule_to("a"), ips = rule_to("b");
  sites.domain = {"geosite:cn"};
  ips.ip = {"geoip:cn"};
  const router r(options_of({sites, ips}), geo);
  geo = {};  // what was needed was copied
  CHECK(tag_of(r, request_to("www.example.cn")) == "a");
  CHECK(tag_of(r, request_to("1.2.3.4")) == "b");
  CHECK(tag_of(r, request_to("1.3.3.4")) == "first");
}

TEST_CASE("router: a context becomes a request", "[proxy][router]") {
  context ctx;
  ctx.inbound.tag = "in";
  ctx.inbound.user.name = "u";
  ctx.inbound.source = make_address("10.0.0.1");
  ctx.inbound.source_port = 7;
  ctx.outbound.target = {network::udp, "203.0.113.5", 443};
  ctx.content.protocol = "quic";
  ctx.content.attributes = {{"x", "y"}};
  const route_request plain = request_of(ctx);
  CHECK(plain.target == ctx.outbound.target);
  CHECK(plain.domain.empty());
  CHECK(plain.inbound_tag == "in");
  CHECK(plain.user == "u");
  CHECK(plain.source == ctx.inbound.source);
  CHECK(plain.source_port == 7);
  CHECK(plain.protocol == "quic");
  CHECK(plain.attrs == ctx.content.attributes);
  ctx.outbound.route_target = destination{network::udp, "www.example.com", 443};
  CHECK(request_of(ctx).domain == "www.example.com");
}
