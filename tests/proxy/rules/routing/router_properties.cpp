// The router against rules that are gone through one by one; and many rules.
#include "catch.hpp"

#include "proxy/routing/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
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

TEST_CASE("router: each of 100,000 rules about domains is found", "[proxy][router]") {
  router_options o;
  o.outbound_tags = {"first", "a"};
  for (std::uint32_t i = 0; i < 100000; ++i) {
    routing_rule r;
    r.domain = {fmt::format("{}:host-{}.example.com", i % 2 ? "domain" : "full", i)};
    r.port = "443";
    r.outbound_tag = "a";
    o.rules.push_back(std::move(r));
  }
  routing_rule last;
  last.port = "80";
  last.outbound_tag = "a";
  o.rules.push_back(last);
  geo_files none;
  const router r(o, none);
  route_request request;
  for (std::size_t i = 0; i < 100000; ++i) {
    request.target = {network::tcp, fmt::format("host-{}.example.com", i), 443};
    if (r.route(request)->rule != i) FAIL(i);
  }
  request.target.port = 80;
  CHECK(r.route(request)->rule == 100000u);
}

TEST_CASE("router: inside and outside of 10,000 blocks of addresses", "[proxy][router]") {
  router_options o;
  o.outbound_tags = {"first", "a"};
  routing_rule many;
  for (unsigned i = 0; i < 10000; ++i)
    many.ip.push_back(fmt::format("{}.{}.{}.0/25", 1 + i / 1000, i / 4 % 250, i % 4));
  many.outbound_tag = "a";
  o.rules = {many};
  geo_files none;
  const router r(o, none);
  route_request request;
  std::size_t inside = 0;
  for (unsigned i = 0; i < 200000; ++i) {
    request.target = {network::tcp, address_v4(0x01000000u + i * 829).to_string(), 443};
    inside += r.route(request)->rule.has_value();
  }
  CHECK(inside > 0);
  CHECK(inside < 200000);
}
