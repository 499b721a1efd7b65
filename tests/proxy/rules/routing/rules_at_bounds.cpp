// Rules of the proxy at the very bounds of their limits: loads, keywords, mappings, rates.
#include "catch.hpp"

#include "proxy/policy/nat_table.hpp"
#include "proxy/policy/user_rates.hpp"
#include "proxy/routing/domain_index.hpp"
#include "proxy/routing/router.hpp"

#include <map>
#include <string>

namespace {

using namespace muxpro::proxy;
using muxpro::time_point;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr time_point at_first{std::chrono::hours(1)};

}  // namespace

TEST_CASE("balancer: the least load wins by one", "[proxy][routing]") {
  router_options o;
  o.outbound_tags = {"direct", "out-a", "out-b"};
  o.balancers = {{"x", {"out-"}, balancing::least_load, ""}};
  o.rules.resize(1);
  o.rules[0].network = "tcp,udp";
  o.rules[0].balancer_tag = "x";
  geo_files none;
  const router r(o, none,
                 [](std::string_view tag) { return std::optional<std::size_t>(tag == "out-a" ? 2 : 1); });
  for (int i = 0; i < 10; ++i) CHECK(r.route({})->outbound_tag == "out-b");
}

TEST_CASE("domain_index: keywords as long as a name may be", "[proxy][routing]") {
  domain_index index;
  CHECK(index.add(domain_kind::keyword, std::string(253, 'a'), 1).empty());
  CHECK_FALSE(index.add(domain_kind::keyword, std::string(254, 'a'), 2).empty());
}

TEST_CASE("nat_table: a datagram at a time that goes back does not shorten a mapping's life",
          "[proxy][nat]") {
  nat_table t{nat_limits()};
  const auto id = t.admit("alice", 1, {}, at_first + seconds(10)).id;
  t.touch(id, at_first);
  CHECK(t.expire(at_first + seconds(129)).empty());
  CHECK(t.expire(at_first + seconds(130)).size() == 1);
}

TEST_CASE("nat_table: the mapping of a user that was not used for the longest time goes first",
          "[proxy][nat]") {
  nat_limits l;
  l.per_user = 3;
  nat_table t(l);
  const auto first = t.admit("alice", 1, {}, at_first).id;
  const auto second = t.admit("alice", 2, {}, at_first + seconds(1)).id;
  t.admit("alice", 3, {}, at_first + seconds(2));
  t.touch(first, at_first + seconds(3));
  CHECK(t.admit("alice", 4, {}, at_first + seconds(4)).evicted == std::vector{second});
}

TEST_CASE("a user whose bucket is full now is forgotten", "[proxy][nat]") {
  user_rates r({5, 10});
  for (int i = 0; i < 5; ++i) CHECK(r.take("alice", at_first + milliseconds(400)));
  CHECK(r.take("bob", at_first + milliseconds(850)));
  CHECK(r.take("carol", at_first + milliseconds(900)));
  CHECK(r.size() == 2);  // alice's bucket is full at 900 ms
}
