// One outbound of several.
#include "catch.hpp"

#include "proxy/routing/router.hpp"

#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace muxpro::proxy;
using loads = std::map<std::string, std::optional<std::size_t>, std::less<>>;

router_options balanced(balancing strategy, const std::string& fallback = "") {
  router_options o;
  o.outbound_tags = {"direct", "out-a", "out-b", "out-c", "spare"};
  o.balancers = {{"x", {"out-"}, strategy, fallback}};
  o.rules.resize(1);
  o.rules[0].network = "tcp,udp";
  o.rules[0].balancer_tag = "x";
  return o;
}

struct balanced_router {
  balanced_router(const router_options& o, loads l)
      : live(std::move(l)), r(o, none, [this](std::string_view tag) {
          const auto found = live.find(tag);
          return found == live.end() ? std::nullopt : found->second;
        }) {}

  std::string next() { return r.route({})->outbound_tag; }
  std::map<std::string, int> count(int n) {
    std::map<std::string, int> counted;
    for (int i = 0; i < n; ++i) ++counted[next()];
    return counted;
  }

  geo_files none;
  loads live;
  router r;
};

const loads idle{{"out-a", 0}, {"out-b", 0}, {"out-c", 0}};

}  // namespace

TEST_CASE("balancer: in turns", "[proxy][router]") {
  balanced_router r(balanced(balancing::round_robin), idle);
  for (const char* tag : {"out-a", "out-b", "out-c", "out-a", "out-b"}) CHECK(r.next() == tag);
  r.live["out-b"].reset();
  CHECK(r.count(100).count("out-b") == 0);
}

TEST_CASE("balancer: by chance", "[proxy][router]") {
  balanced_router r(balanced(balancing::random), idle);
  const auto counted = r.count(3000);
  REQUIRE(counted.size() == 3);
  for (const auto& [tag, n] : counted) CHECK((n > 800 && n < 1200));
  // Not in turns.
  int same = 0;
  std::string last = r.next();
  for (int i = 0; i < 300; ++i) {
    const std::string tag = r.next();
    same += tag == last;
    last = tag;
  }
  CHECK(same > 40);
}

TEST_CASE("balancer: by load", "[proxy][router]") {
  balanced_router r(balanced(balancing::least_load), {{"out-a", 5}, {"out-b", 2}, {"out-c", 9}});
  CHECK(r.count(10) == std::map<std::string, int>{{"out-b", 10}});
  r.live["out-b"].reset();
  CHECK(r.next() == "out-a");
  r.live["out-c"] = 5;
  CHECK(r.count(10) == std::map<std::string, int>{{"out-a", 5}, {"out-c", 5}});  // equals take turns
}

TEST_CASE("balancer: a load that grows with each choice is shared equally", "[proxy][router]") {
  balanced_router r(balanced(balancing::least_load), idle);
  for (int i = 0; i < 300; ++i) ++*r.live[r.next()];
  for (const auto& [tag, n] : r.live) CHECK(n == 100u);
}

TEST_CASE("balancer: when no outbound can be used", "[proxy][router]") {
  for (const auto strategy : {balancing::random, balancing::round_robin, balancing::least_load}) {
    balanced_router with(balanced(strategy, "spare"), {});
    CHECK(with.next() == "spare");
    with.live["out-c"] = 1000;
    CHECK(with.next() == "out-c");
    balanced_router without(balanced(strategy), {});
    CHECK(without.next().starts_with("out-"));
  }
}

TEST_CASE("balancer: without loads all can be used", "[proxy][router]") {
  geo_files none;
  const router r(balanced(balancing::least_load, "spare"), none);
  for (const char* tag : {"out-a", "out-b", "out-c"}) CHECK(r.route({})->outbound_tag == tag);
  CHECK(r.route({})->rule == 0u);
}

TEST_CASE("balancer: one outbound alone, as long as it is pinned", "[proxy][router]") {
  geo_files none;
  router_options options = balanced(balancing::round_robin);
  const router r(options, none);
  const std::string tag = options.balancers.front().tag;
  REQUIRE(r.state_of(tag));
  CHECK(r.state_of(tag)->selected == std::vector<std::string>{"out-a", "out-b", "out-c"});
  CHECK(r.state_of(tag)->pinned.empty());
  CHECK_FALSE(r.state_of("other"));
  CHECK_FALSE(r.pin("other", "out-b"));
  CHECK_FALSE(r.pin(tag, "nowhere"));
  CHECK(r.pin(tag, "out-b"));
  CHECK(r.state_of(tag)->pinned == "out-b");
  for (int i = 0; i < 3; ++i) CHECK(r.route({})->outbound_tag == "out-b");
  CHECK(r.pin(tag, ""));
  CHECK(r.route({})->outbound_tag != r.route({})->outbound_tag);
}

TEST_CASE("balancer: threads share one router", "[proxy][router]") {
  geo_files none;
  const router r(balanced(balancing::round_robin), none);
  const auto ask = [&r] {
    for (int i = 0; i < 3000; ++i) REQUIRE(r.route({})->outbound_tag.size() == 5);
  };
  std::thread other([&r] {
    for (int i = 0; i < 3000; ++i) r.route({});
  });
  ask();
  other.join();
  CHECK(r.route({})->outbound_tag == "out-a");
}
