// What measurements find about outbounds, and how leastLoad and leastPing choose by it.
#include "catch.hpp"

#include "proxy/routing/least_load.hpp"
#include "proxy/routing/outbound_health.hpp"
#include "proxy/routing/router.hpp"

#include <chrono>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace least_load_test {

using namespace muxpro::proxy;
using namespace std::chrono_literals;
using tags = std::vector<std::string>;

TEST_CASE("health: the last measurements of an outbound", "[proxy][router]") {
  health_samples s(4);
  CHECK_FALSE(s.is_measured());
  CHECK_FALSE(s.health());
  s.add(10ms);
  REQUIRE(s.health());
  CHECK(s.health()->last == 10ms);
  CHECK(s.health()->deviation == 5ms);  // of one time
  s.add(30ms);
  CHECK(s.health()->average == 20ms);
  CHECK(s.health()->deviation == 10ms);
  s.add(std::nullopt);
  CHECK(s.is_measured());
  CHECK_FALSE(s.is_alive());
  CHECK_FALSE(s.health());
  s.add(20ms);
  CHECK(s.health()->last == 20ms);
  CHECK(s.health()->all == 4);
  CHECK(s.health()->failed == 1);
  s.add(40ms);  // the first one is forgotten
  CHECK(s.health()->average == 30ms);
  CHECK(s.health()->all == 4);
  health_samples one(1);
  one.add(10ms);
  one.add(30ms);
  CHECK(one.health()->deviation == 30ms);
}

/// Outbounds a, b, c, d, of which each varies more than the one before it.
tags chosen(const least_load_options& o, std::map<std::string, outbound_health> found = {}) {
  static const tags names{"a", "b", "c", "d"};
  std::vector<least_load::candidate> all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto own = found.find(names[i]);
    const auto n = static_cast<int>(i + 1);
    const outbound_health usual{n * 100ms, n * 100ms, n * 10ms, 10, 0};
    all.push_back({&names[i], own == found.end() ? usual : own->second});
  }
  tags out;
  for (const std::string* tag : least_load(o).choose(std::move(all))) out.push_back(*tag);
  return out;
}

least_load_options expecting(std::size_t n, std::vector<muxpro::duration> baselines = {}) {
  least_load_options o;
  o.expected = n;
  o.baselines = std::move(baselines);
  return o;
}

TEST_CASE("leastLoad: those whose times vary least", "[proxy][router]") {
  CHECK(chosen({}) == tags{"a"});
  CHECK(chosen(expecting(2)) == tags{"a", "b"});
  CHECK(chosen(expecting(9)) == tags{"a", "b", "c", "d"});
  CHECK(chosen({}, {{"d", {1ms, 1ms, 1ms, 10, 0}}}) == tags{"d"});
  // Equal deviations: by the average, then by failures.
  CHECK(chosen({}, {{"b", {1s, 50ms, 10ms, 10, 0}}}) == tags{"b"});
  CHECK(chosen({}, {{"b", {1s, 100ms, 10ms, 10, 0}}, {"a", {1s, 100ms, 10ms, 10, 1}}}) == tags{"b"});
}

TEST_CASE("leastLoad: baselines take all that are good enough", "[proxy][router]") {
  CHECK(chosen(expecting(0, {25ms, 100ms})) == tags{"a", "b"});
  CHECK(chosen(expecting(3, {25ms, 35ms, 100ms})) == tags{"a", "b", "c"});
  CHECK(chosen(expecting(1, {100ms})) == tags{"a", "b", "c", "d"});
  CHECK(chosen(expecting(0, {10ms})).empty());  // none is below it
  CHECK(chosen(expecting(2, {1ms, 5ms})) == tags{"a", "b"});
}

TEST_CASE("leastLoad: slow ones, those that fail, and costs", "[proxy][router]") {
  least_load_options slow;
  slow.expected = 9;
  slow.max_rtt = 300ms;
  CHECK(chosen(slow) == tags{"a", "b"});
  least_load_options failing;
  failing.tolerance = 0.1;
  CHECK(chosen(failing, {{"a", {1ms, 1ms, 1ms, 10, 2}}}) == tags{"b"});
  CHECK(chosen(failing, {{"a", {1ms, 1ms, 1ms, 10, 1}}}) == tags{"a"});
  least_load_options costs;
  costs.costs = {{false, "a", 9}, {true, "^[bc]$", 1}};
  CHECK(chosen(costs) == tags{"b"});  // a counts as 30 ms
  costs.costs = {{true, "^d", 0.01}};
  CHECK(chosen(costs) == tags{"d"});  // d counts as 4 ms
  costs.costs = {{true, "(", 1}};
  CHECK_THROWS_AS(chosen(costs), std::invalid_argument);
}

struct measured_router {
  router_options options(balancing strategy, const std::string& fallback) const {
    router_options o;
    o.outbound_tags = {"x", "out-a", "out-b", "out-c"};
    balancer_options b{"both", {"out-"}, strategy, fallback};
    b.load = load;
    o.balancers = {b};
    o.rules.resize(1);
    o.rules[0].network = "tcp,udp";
    o.rules[0].balancer_tag = "both";
    return o;
  }
  std::set<std::string> choices(balancing strategy, const std::string& fallback = "") const {
    geo_files none;
    const router r(options(strategy, fallback), none, {}, [this](std::string_view tag) {
      const auto one = found.find(std::string(tag));
      return one == found.end() ? std::nullopt : std::optional(one->second);
    });
    std::set<std::string> out;
    for (int i = 0; i < 50; ++i) out.insert(r.route({})->outbound_tag);
    return out;
  }

  least_load_options load;
  std::map<std::string, outbound_health> found;
};

TEST_CASE("leastLoad and leastPing: by measurements, and by connections without any", "[proxy][router]") {
  measured_router r;
  using set = std::set<std::string>;
  const set all{"out-a", "out-b", "out-c"};
  CHECK(r.choices(balancing::least_load) == all);
  CHECK(r.choices(balancing::least_ping) == all);
  r.found = {{"out-a", {5ms, 5ms, 9ms, 10, 0}}, {"out-b", {7ms, 7ms, 1ms, 10, 0}}};
  CHECK(r.choices(balancing::least_load) == set{"out-b"});
  CHECK(r.choices(balancing::least_ping) == set{"out-a"});
  r.load.expected = 2;
  CHECK(r.choices(balancing::least_load) == set{"out-a", "out-b"});
  r.load.max_rtt = 1ms;
  CHECK(r.choices(balancing::least_load, "x") == set{"x"});
  CHECK(r.choices(balancing::least_load) == all);
}

}  // namespace least_load_test
