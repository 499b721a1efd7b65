// The router against rules that are gone through one by one; and many rules.
#include "catch.hpp"

#include "speed.hpp"

#include <muxpro/proxy/router.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace muxpro::proxy;
using asio::ip::address_v4;
using muxpro::network;

/// A rule of few possible values, and how it is meant.
struct plain_rule {
  std::optional<std::string> domain;  ///< with its sub-domains
  std::optional<unsigned> block;      ///< 10.N.0.0/16
  bool negated = false;
  std::optional<std::uint16_t> port;
  std::optional<network> net;

  routing_rule spelled() const {
    routing_rule r;
    if (domain) r.domain = {"domain:" + *domain};
    if (block) r.ip = {fmt::format("{}10.{}.0.0/16", negated ? "!" : "", *block)};
    if (port) r.port = std::to_string(*port);
    r.network = !net ? "tcp,udp" : *net == network::tcp ? "tcp" : "udp";
    r.outbound_tag = "a";
    return r;
  }
  bool match_rest(const route_request& r) const {
    const std::string name(r.domain.empty() ? r.target.host.domain() : std::string_view(r.domain));
    if (domain && name != *domain && !name.ends_with('.' + *domain)) return false;
    return (!port || *port == r.target.port) && (!net || *net == r.target.net);
  }
  bool match_ip(const std::vector<unsigned>& blocks) const {
    return std::any_of(blocks.begin(), blocks.end(), [this](unsigned b) { return (b == *block) != negated; });
  }
};

plain_rule random_rule(std::mt19937& random) {
  plain_rule r;
  const char* const domains[] = {"example", "a.example", "b.example", "x.a.example"};
  if (random() % 2) r.domain = domains[random() % 4];
  if (random() % 2) r.block = static_cast<unsigned>(random() % 3);
  r.negated = random() % 4 == 0;
  if (random() % 3 == 0) r.port = static_cast<std::uint16_t>(random() % 2);
  if (random() % 3 == 0) r.net = random() % 2 ? network::tcp : network::udp;
  return r;
}

asio::ip::address in_block(unsigned b) { return address_v4(10u << 24 | b << 16 | 7); }

route_request random_request(std::mt19937& random, std::vector<unsigned>& blocks) {
  const char* const names[] = {"example", "a.example", "c.a.example", "y.b.example", "other"};
  route_request r;
  const bool literal = random() % 2 == 0;
  blocks = {static_cast<unsigned>(random() % 4)};
  if (!literal && random() % 2) blocks.push_back(static_cast<unsigned>(random() % 4));
  if (!literal && random() % 6 == 0) blocks.clear();
  const std::string name = names[random() % 5];
  r.target = {random() % 2 ? network::tcp : network::udp, literal ? in_block(blocks[0]).to_string() : name,
              static_cast<std::uint16_t>(random() % 3)};
  if (literal && random() % 2) r.domain = name;
  return r;
}

/// The number of the first rule; nothing: none. `blocks` null: not known.
std::optional<std::size_t> first_match(const std::vector<plain_rule>& rules, const route_request& r,
                                       const std::vector<unsigned>* blocks) {
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (rules[i].match_rest(r) && (!rules[i].block || (blocks && rules[i].match_ip(*blocks)))) return i;
  return std::nullopt;
}

// --- many rules

route_request connection_to(const std::string& host) {
  route_request r;
  r.target = {network::tcp, host, 443};
  return r;
}

std::string name_of(std::uint32_t i) { return fmt::format("host-{:05}.example.com", i); }

/// 100 names from one end of `n` to the other: after the first time, what they need is in the cache.
std::vector<route_request> names_below(std::uint32_t n) {
  std::vector<route_request> all;
  for (std::uint32_t i = 0; i < n; i += n / 100) all.push_back(connection_to(name_of(i)));
  return all;
}

router router_of(router_options o) {
  o.outbound_tags = {"first", "a"};
  geo_files none;
  return router(o, none);
}

/// One about each name, and one about a port.
router about_domains(std::uint32_t n) {
  router_options o;
  for (std::uint32_t i = 0; i < n; ++i) {
    routing_rule r;
    r.domain = {(i % 2 ? "domain:" : "full:") + name_of(i)};
    r.port = "443";
    r.outbound_tag = "a";
    o.rules.push_back(std::move(r));
  }
  routing_rule last;
  last.port = "80";
  last.outbound_tag = "a";
  o.rules.push_back(last);
  return router_of(std::move(o));
}

/// One about so many blocks.
router about_blocks(unsigned n) {
  routing_rule many;
  for (unsigned i = 0; i < n; ++i)
    many.ip.push_back(fmt::format("{}.{}.{}.0/25", 1 + i / 1000, i / 4 % 250, i % 4));
  many.outbound_tag = "a";
  router_options o;
  o.rules = {many};
  return router_of(std::move(o));
}

auto look_ups(const router& r, std::vector<route_request> requests) {
  return [&r, requests = std::move(requests)] {
    std::size_t found = 0;
    for (const route_request& q : requests) found += r.route(q)->rule.has_value();
    CHECK(found > 0);
  };
}

}  // namespace

TEST_CASE("router: agrees with rules that are gone through one by one", "[proxy][router][property]") {
  std::mt19937 random(12);
  for (int round = 0; round < 300; ++round) {
    std::vector<plain_rule> rules(1 + random() % 8);
    router_options o;
    o.outbound_tags = {"first", "a"};
    o.strategy = static_cast<domain_strategy>(random() % 3);
    for (plain_rule& r : rules) o.rules.push_back((r = random_rule(random)).spelled());
    geo_files none;
    const router router_of_these(o, none);
    for (int i = 0; i < 50; ++i) {
      std::vector<unsigned> blocks;
      const route_request r = random_request(random, blocks);
      const bool literal = !r.target.host.is_domain();
      std::vector<asio::ip::address> resolved;
      for (const unsigned b : blocks) resolved.push_back(in_block(b));
      const auto without = first_match(rules, r, nullptr), with = first_match(rules, r, &blocks);
      auto decided = router_of_these.route(r);
      if (literal) {
        REQUIRE(decided);
        REQUIRE(decided->rule == with);
        continue;
      }
      if (o.strategy == domain_strategy::as_is) REQUIRE(decided);
      if (decided && o.strategy != domain_strategy::ip_on_demand) REQUIRE(decided->rule == without);
      if (decided && o.strategy == domain_strategy::ip_on_demand) REQUIRE(decided->rule == with);
      if (!decided) {
        decided = router_of_these.route(r, resolved);
        REQUIRE(decided->rule == with);
      }
    }
  }
}

TEST_CASE("router: 100,000 rules about domains are not gone through", "[proxy][router]") {
  const auto many = about_domains(100000), few = about_domains(100);
  const double ratio =
      rules_test::time_ratio(look_ups(many, names_below(100000)), look_ups(few, names_below(100)));
  REQUIRE(ratio < rules_test::not_gone_through);
  route_request request;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    request = connection_to(name_of(i));
    if (many.route(request)->rule != i) FAIL(i);
  }
  request.target.port = 80;
  CHECK(many.route(request)->rule == 100000u);
}

TEST_CASE("router: 10,000 blocks of addresses are not gone through", "[proxy][router]") {
  const auto many = about_blocks(10000), few = about_blocks(100);
  std::vector<route_request> requests;
  for (std::uint32_t i = 0; i < 20000; ++i)
    requests.push_back(connection_to(address_v4(0x01000000u + i * 8290).to_string()));
  const double ratio = rules_test::time_ratio(look_ups(many, requests), look_ups(few, requests));
  REQUIRE(ratio < rules_test::not_gone_through);
  const auto inside = std::count_if(requests.begin(), requests.end(),
                                    [&](const route_request& r) { return many.route(r)->rule.has_value(); });
  CHECK(inside > 0);
  CHECK(inside < 20000);
}
