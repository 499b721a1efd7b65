// Mappings of UDP sub-streams: which keep their port, and which are removed.
#include "catch.hpp"

#include "proxy/policy/nat_table.hpp"
#include "proxy/policy/user_rates.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;

constexpr time_point origin{1h};
global_id source(std::uint8_t n) { return {1, 2, 3, 4, 5, 6, 7, n}; }

nat_limits small() {
  nat_limits l;
  l.per_session = 3;
  l.per_user = 5;
  return l;
}

}  // namespace

TEST_CASE("a mapping comes back with its GlobalID, to the same user only", "[proxy][nat]") {
  nat_table t{nat_limits()};
  const auto first = t.admit("alice", 1, source(1), origin);
  CHECK_FALSE(first.resumed);
  CHECK(t.release(first.id, origin));
  const auto stranger = t.admit("mallory", 2, source(1), origin + 1s);
  CHECK_FALSE(stranger.resumed);
  CHECK(stranger.id != first.id);
  const auto again = t.admit("alice", 3, source(1), origin + 59s);
  CHECK(again.resumed);
  CHECK(again.was_parked);
  CHECK(again.id == first.id);
  CHECK(t.of_session(3) == 1);
  CHECK(t.of_session(1) == 0);
}

TEST_CASE("a sub-stream takes a mapping over that is still in use", "[proxy][nat]") {
  nat_table t{nat_limits()};
  const auto first = t.admit("alice", 1, source(1), origin);
  const auto second = t.admit("alice", 2, source(1), origin);
  CHECK(second.resumed);
  CHECK_FALSE(second.was_parked);
  CHECK(second.id == first.id);
  CHECK(t.of_session(1) == 0);
  CHECK(t.of_session(2) == 1);
  CHECK(t.size() == 1);
}

TEST_CASE("without a GlobalID a mapping ends with its sub-stream", "[proxy][nat]") {
  nat_table t{nat_limits()};
  const auto a = t.admit("alice", 1, {}, origin);
  const auto b = t.admit("alice", 1, {}, origin);
  CHECK(a.id != b.id);
  CHECK_FALSE(t.release(a.id, origin));
  CHECK(t.size() == 1);
  CHECK_FALSE(t.release(a.id, origin));
}

TEST_CASE("the least recently used mapping of a session goes first", "[proxy][nat]") {
  nat_table t(small());
  const auto a = t.admit("alice", 1, {}, origin), b = t.admit("alice", 1, {}, origin);
  t.admit("alice", 1, {}, origin);
  t.touch(a.id, origin + 1s);
  const auto d = t.admit("alice", 1, {}, origin + 2s);
  REQUIRE(d.evicted.size() == 1);
  CHECK(d.evicted[0] == b.id);
  CHECK(t.of_session(1) == 3);
}

TEST_CASE("parked mappings count for their user and go first", "[proxy][nat]") {
  nat_table t(small());
  std::vector<nat_table::mapping> parked;
  for (std::uint8_t i = 0; i < 3; ++i) {
    parked.push_back(t.admit("alice", 1, source(i), origin).id);
    t.release(parked.back(), origin);
  }
  for (int i = 0; i < 2; ++i) CHECK(t.admit("alice", 2, {}, origin + 1s).evicted.empty());
  CHECK(t.of_user("alice") == 5);
  const auto next = t.admit("alice", 2, {}, origin + 2s);
  REQUIRE(next.evicted.size() == 1);
  CHECK(next.evicted[0] == parked[0]);
  CHECK(t.of_user("alice") == 5);
  CHECK_FALSE(t.admit("alice", 3, source(0), origin + 3s).resumed);
}

TEST_CASE("what is idle or parked for too long goes", "[proxy][nat]") {
  nat_table t{nat_limits()};
  CHECK(t.next_expiry() == time_point::max());
  const auto idle = t.admit("alice", 1, {}, origin);
  const auto busy = t.admit("alice", 1, {}, origin);
  const auto parked = t.admit("alice", 1, source(1), origin);
  t.release(parked.id, origin);
  CHECK(t.next_expiry() == origin + 60s);
  CHECK(t.expire(origin + 59s).empty());
  CHECK(t.expire(origin + 60s) == std::vector{parked.id});
  t.touch(busy.id, origin + 100s);
  CHECK(t.expire(origin + 120s) == std::vector{idle.id});
  CHECK(t.next_expiry() == origin + 220s);
  CHECK(t.expire(origin + 220s) == std::vector{busy.id});
  CHECK(t.size() == 0);
  CHECK(t.of_user("alice") == 0);
}

TEST_CASE("the table keeps its limits and agrees with itself at random", "[proxy][nat][property]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    nat_table t(small());
    std::map<nat_table::mapping, std::string> alive;
    std::set<nat_table::mapping> ever;
    time_point now = origin;
    for (int step = 0; step < 5000; ++step) {
      now += std::chrono::seconds(random() % 5);
      const std::string user(1, static_cast<char>('a' + random() % 3));
      const auto any = [&] {
        if (alive.empty()) return nat_table::mapping{random() % 100};
        return std::next(alive.begin(), static_cast<long>(random() % alive.size()))->first;
      };
      switch (random() % 5) {
        case 0:
        case 1: {
          const auto id =
              random() % 2 ? std::optional(source(static_cast<std::uint8_t>(random() % 6))) : std::nullopt;
          const auto a = t.admit(user, random() % 4, id, now);
          if (a.resumed) {
            REQUIRE(alive.at(a.id) == user);
          } else {
            REQUIRE(ever.insert(a.id).second);
          }
          alive[a.id] = user;
          for (const auto gone : a.evicted) REQUIRE(alive.erase(gone) == 1);
          REQUIRE(alive.contains(a.id));
          break;
        }
        case 2: t.touch(any(), now); break;
        case 3: {
          const auto id = any();
          if (!t.release(id, now)) alive.erase(id);
          break;
        }
        case 4:
          for (const auto gone : t.expire(now)) REQUIRE(alive.erase(gone) == 1);
          REQUIRE(t.next_expiry() > now);
          break;
      }
      REQUIRE(t.size() == alive.size());
      for (const char* u : {"a", "b", "c"}) REQUIRE(t.of_user(u) <= 5);
      for (std::uint64_t s = 0; s < 4; ++s) REQUIRE(t.of_session(s) <= 3);
    }
  }
}

TEST_CASE("a user's rate: a burst, then so many in a second, each one for himself", "[proxy][nat]") {
  user_rates r({5, 10});
  const auto taken = [&](const char* user, time_point now, int tries) {
    int n = 0;
    for (int i = 0; i < tries; ++i) n += r.take(user, now);
    return n;
  };
  CHECK(taken("alice", origin, 100) == 5);
  CHECK(taken("bob", origin, 3) == 3);
  CHECK(taken("alice", origin + 99ms, 100) == 0);
  CHECK(taken("alice", origin + 100ms, 100) == 1);
  CHECK(taken("bob", origin + 100ms, 100) == 3);
  CHECK(taken("alice", origin - 1h, 100) == 0);
  CHECK(taken("alice", origin + 10h, 100) == 5);
  CHECK(r.size() == 1);
  const auto taken_by = [&](const user_pace& own) {
    int n = 0;
    for (int i = 0; i < 100; ++i) n += r.take("carol", origin + 20h, own);
    return n;
  };
  const rate_limit usual = nat_limits().user_datagrams;
  CHECK(usual.burst == 200'000);
  CHECK(usual.per_second == 200'000);
  CHECK(taken_by(user_pace(rate_limit{2, 1})) == 2);
  CHECK(taken_by(user_pace(datagrams_in_a_second(0))) == 100);
}

TEST_CASE("a user's rate: a clock that goes back stands still", "[proxy][nat]") {
  user_rates r({5, 10});
  const auto taken = [&](const char* user, time_point now) {
    int n = 0;
    for (int i = 0; i < 100; ++i) n += r.take(user, now);
    return n;
  };
  CHECK(taken("alice", origin) == 5);
  CHECK(taken("bob", origin - 1h) == 5);
  CHECK(taken("bob", origin) == 0);  // what was paid out early is not paid out again
  CHECK(taken("bob", origin - 1h + 100ms) == 0);
  CHECK(taken("bob", origin + 100ms) == 1);
}

TEST_CASE("a user's rate: the table is searched once in the time that fills a bucket", "[proxy][nat]") {
  user_rates r({5, 10});
  CHECK(r.take("alice", origin));
  CHECK(r.take("bob", origin + 499ms));
  CHECK(r.size() == 2);  // alice's bucket has been full for 399 ms
  CHECK(r.take("bob", origin + 500ms));
  CHECK(r.size() == 1);
  CHECK(r.take("carol", origin + 999ms));
  CHECK(r.size() == 2);
  CHECK(r.take("carol", origin + 1s));
  CHECK(r.size() == 1);
}

TEST_CASE("a user's rate: in the long run it is kept, whatever the pace", "[proxy][nat]") {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    // Asked for more often than it is given.
    const rate_limit limit{10 + static_cast<std::uint32_t>(random() % 50),
                           1.0 + static_cast<double>(random() % 100)};
    user_rates r(limit);
    auto now = origin;
    double taken = 0;
    for (int i = 0; i < 5000; ++i) {
      now += std::chrono::microseconds(random() % 3000);
      taken += r.take("alice", now);
    }
    const double seconds = std::chrono::duration<double>(now - origin).count();
    CHECK(taken <= limit.burst + seconds * limit.per_second + 1);
    CHECK(taken >= 0.99 * seconds * limit.per_second);
  }
}
