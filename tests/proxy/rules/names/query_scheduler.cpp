// Turns of users at look-ups of names: bounds, fairness, shared queries, what is given up.
#include "catch.hpp"

#include "proxy/names/query_scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using muxpro::proxy::query_scheduler;
using muxpro::proxy::query_scheduler_bounds;
using ticket = query_scheduler::ticket;
using name = std::optional<std::string>;

std::vector<std::string> all_that_begin(query_scheduler& t) {
  std::vector<std::string> begun;
  while (auto n = t.next()) begun.push_back(*n);
  return begun;
}

}  // namespace

TEST_CASE("users take turns, each within its bound", "[proxy][names]") {
  query_scheduler t({4, 2, 100});
  for (int i = 0; i < 5; ++i) t.ask(fmt::format("a{}", i), "a");
  for (int i = 0; i < 2; ++i) t.ask(fmt::format("b{}", i), "b");
  t.ask("c0", "c");
  CHECK(all_that_begin(t) == std::vector<std::string>{"a0", "b0", "c0", "a1"});
  CHECK(t.under_way() == 4);
  CHECK(t.waiting() == 4);
  CHECK(t.finish("c0").size() == 1);
  CHECK(t.next() == name("b1"));  // a has as many as it may
  CHECK(t.finish("a0").size() == 1);
  CHECK(t.next() == name("a2"));
}

TEST_CASE("this program itself waits for no other user", "[proxy][names]") {
  query_scheduler t({2, 2, 100});
  for (const char* n : {"0", "1", "2"}) t.ask(n, "a");
  CHECK(all_that_begin(t).size() == 2);
  for (const char* n : {"own 0", "own 1", "own 2"}) t.ask(n, "");
  CHECK(all_that_begin(t) == std::vector<std::string>{"own 0", "own 1"});
  CHECK(t.is_asked("own 2"));
  CHECK_FALSE(t.is_asked("other"));
}

TEST_CASE("one user alone gets its bound and no more", "[proxy][names]") {
  query_scheduler t({100, 8, 1000});
  for (int i = 0; i < 500; ++i) t.ask(std::to_string(i), "a");
  CHECK(all_that_begin(t).size() == 8);
  t.ask("other", "b");
  CHECK(t.next() == name("other"));
}

TEST_CASE("the look-ups of a user that may wait have a bound", "[proxy][names]") {
  query_scheduler t({1, 1, 3});
  CHECK(t.ask("0", "a"));
  CHECK(t.next() == name("0"));
  for (const char* n : {"1", "2", "3"}) CHECK(t.ask(n, "a"));
  CHECK_FALSE(t.ask("4", "a"));
  CHECK(t.ask("0", "a"));  // joins its query
  CHECK(t.ask("4", "b"));
}

TEST_CASE("a name that waits for one user begins in the turn of another one", "[proxy][names]") {
  query_scheduler t({2, 1, 100});
  for (const char* n : {"x", "y", "z"}) t.ask(n, "a");
  CHECK(t.next() == name("x"));
  const auto of_b = t.ask("z", "b");
  CHECK(t.next() == name("z"));
  CHECK(t.user_of("z") == "b");
  CHECK(t.waiting() == 1);
  CHECK(t.finish("z").size() == 2);
  CHECK(of_b);
}

TEST_CASE("a place is free as soon as its look-up is given up", "[proxy][names]") {
  query_scheduler t({10, 1, 100});
  const auto x = t.ask("x", "a"), y = t.ask("y", "a");
  CHECK(t.next() == name("x"));
  CHECK_FALSE(t.next());
  CHECK(t.give_up(*x) == name("x"));
  CHECK(t.next() == name("y"));
  CHECK(t.give_up(*y) == name("y"));
  CHECK_FALSE(t.give_up(*y));
  CHECK(t.under_way() == 0);
  CHECK(t.users() == 0);
}

TEST_CASE("a shared query takes the place of a user that still waits for it", "[proxy][names]") {
  query_scheduler t({10, 1, 100});
  const auto of_a = t.ask("x", "a");
  CHECK(t.next() == name("x"));
  const auto of_b = t.ask("x", "b");
  t.ask("y", "a");
  CHECK_FALSE(t.next());
  CHECK_FALSE(t.give_up(*of_a));  // the query goes on
  CHECK(t.user_of("x") == "b");
  CHECK(t.next() == name("y"));
  CHECK(t.finish("x") == std::vector<ticket>{*of_b});
}

TEST_CASE("turns keep their bounds and lose no look-up, whatever happens", "[proxy][names]") {
  std::mt19937 random(7);
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 200; ++round) {
    const query_scheduler_bounds bounds{1 + pick(6), 1 + pick(4), 1 + pick(10)};
    query_scheduler t(bounds);
    std::map<ticket, std::string> open;  // tickets by the name they wait for
    std::set<std::string> running;
    for (int step = 0; step < 300; ++step) {
      const std::size_t what = pick(10);
      if (what < 5) {
        const std::string n = std::to_string(pick(12));
        if (const auto k = t.ask(n, std::string(1, static_cast<char>('a' + pick(5))))) open.emplace(*k, n);
      } else if (what < 7 && !open.empty()) {
        const auto gone = std::next(open.begin(), static_cast<std::ptrdiff_t>(pick(open.size())));
        const auto ended = t.give_up(gone->first);
        const std::string n = gone->second;
        open.erase(gone);
        const bool last =
            std::none_of(open.begin(), open.end(), [&](const auto& o) { return o.second == n; });
        REQUIRE(ended.has_value() == (last && running.contains(n)));
        if (ended) running.erase(n);
      } else if (what < 9 && !running.empty()) {
        const std::string n = *std::next(running.begin(), static_cast<std::ptrdiff_t>(pick(running.size())));
        const auto waited = t.finish(n);
        REQUIRE(!waited.empty());
        for (const ticket k : waited) REQUIRE(open.extract(k).mapped() == n);
        REQUIRE(std::none_of(open.begin(), open.end(), [&](const auto& o) { return o.second == n; }));
        running.erase(n);
      }
      while (const auto n = t.next()) REQUIRE(running.insert(*n).second);
      REQUIRE(running.size() <= bounds.under_way);
      REQUIRE(t.under_way() == running.size());
      const auto waiting =
          std::count_if(open.begin(), open.end(), [&](const auto& o) { return !running.contains(o.second); });
      REQUIRE(t.waiting() == static_cast<std::size_t>(waiting));
      // Nothing waits while there is room, unless its user has all that it may have.
      std::map<std::string, std::size_t> places;
      for (const auto& n : running) ++places[t.user_of(n)];
      if (waiting > 0 && running.size() < bounds.under_way)
        REQUIRE(std::any_of(places.begin(), places.end(),
                            [&](const auto& p) { return p.second >= bounds.of_user; }));
    }
    for (const auto& [k, n] : open) t.give_up(k);
    REQUIRE(t.under_way() == 0);
    REQUIRE(t.waiting() == 0);
    REQUIRE(t.users() == 0);
  }
}

// 1 ms of simulated time for each step. A dead name keeps its place for 5 s, a good one for 20 ms.
TEST_CASE("a user waits for a place as long beside 10,000 dead names of one user as without them",
          "[proxy][names]") {
  const auto longest_wait = [](int attackers) {
    query_scheduler t;
    for (int a = 0; a < attackers; ++a)
      for (int i = 0; i < 1000; ++i) t.ask(fmt::format("{}.{}.dead", a, i), fmt::format("attacker {}", a));
    std::multimap<int, std::string> ends;
    std::map<std::string, int> asked_at;
    int longest = 0;
    for (int now = 0; now < 20'000; ++now) {
      if (now % 100 == 0) {
        const std::string n = fmt::format("{}.good", now);
        t.ask(n, "honest");
        asked_at[n] = now;
      }
      for (auto end = ends.begin(); end != ends.end() && end->first <= now; end = ends.erase(end))
        t.finish(end->second);
      while (const auto n = t.next()) {
        const bool dead = n->ends_with("dead");
        ends.emplace(now + (dead ? 5000 : 20), *n);
        if (!dead) longest = std::max(longest, now - asked_at[*n]);
      }
    }
    return longest;
  };
  CHECK(longest_wait(0) == 0);
  CHECK(longest_wait(1) == 0);
  CHECK(longest_wait(3) == 0);
}
