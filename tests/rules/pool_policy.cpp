// The rules of a client pool by hand: choice, need of dials, backoff, whose open fails, retirement.
#include "catch.hpp"

#include <muxpro/detail/pool_policy.hpp>

#include <cmath>
#include <map>
#include <vector>

namespace {

using namespace muxpro;
using namespace std::chrono_literals;
using detail::pool_policy;
using connection_id = pool_policy::connection_id;

client_pool_options small_pool() {
  client_pool_options o;
  o.max_concurrency = 2;
  o.max_connections = 4;
  return o;
}

/// A policy with its options and its clock.
struct subject {
  explicit subject(client_pool_options o = small_pool(), std::uint64_t seed = 1)
      : options(std::move(o)), policy(options, seed) {}

  void waits(int n) {
    for (; n > 0; --n) policy.waits();
  }
  std::vector<connection_id> dials() {
    std::vector<connection_id> out;
    while (const auto c = policy.next_dial(now)) out.push_back(*c);
    return out;
  }
  /// One more connection, needed or not.
  connection_id connected() {
    waits(1000);
    const auto c = policy.next_dial(now);
    REQUIRE(c);
    REQUIRE(policy.connected(*c, now));
    policy.waited(1000);
    return *c;
  }
  /// Opens as many as there is room for, at most `n`.
  std::vector<connection_id> open(int n) {
    std::vector<connection_id> out;
    for (; n > 0; --n) {
      const auto c = policy.pick();
      if (!c) break;
      policy.opened(*c);
      out.push_back(*c);
    }
    return out;
  }
  std::vector<connection_id> retired() {
    std::vector<connection_id> out;
    while (const auto c = policy.next_retired(now)) out.push_back(*c);
    return out;
  }
  /// Fails the next dial at once; returns how long the policy then waits.
  duration backoff() {
    policy.waits();
    const auto c = policy.next_dial(now);
    REQUIRE(c);
    policy.waited(policy.dial_failed(*c, now).count);
    policy.waits();
    const duration wait = policy.next_deadline() - now;
    CHECK_FALSE(policy.next_dial(now + wait - 1ns));
    policy.waited();
    now += wait;
    return wait;
  }

  client_pool_options options;
  pool_policy policy;
  time_point now = time_point() + 24h;
};

}  // namespace

TEST_CASE("a pool dials as many connections as the waiting opens need", "[pool_policy]") {
  subject s;
  CHECK(s.dials().empty());
  s.waits(1);
  CHECK(s.dials().size() == 1);
  s.waits(1);
  CHECK(s.dials().empty());
  s.waits(1);
  CHECK(s.dials().size() == 1);
  s.waits(10);
  CHECK(s.dials().size() == 2);  // max_connections
  CHECK(s.policy.dialing() == 4);
}

TEST_CASE("a pool that hangs in its dials has max_connections of them, however many opens wait",
          "[pool_policy]") {
  subject s;
  s.waits(1000);
  CHECK(s.dials().size() == 4);
  s.now += s.options.dial_timeout;
  while (s.policy.next_overdue(s.now)) {
  }
  s.now += 2 * s.options.backoff_max;
  CHECK(s.dials().empty());  // none of them has ended yet
  CHECK(s.policy.full());
}

TEST_CASE("dials keep their distance", "[pool_policy]") {
  auto options = small_pool();
  options.dial_spacing = 100ms;
  subject s(options);
  s.waits(5);
  const auto first = s.dials();
  REQUIRE(first.size() == 1);
  CHECK(s.policy.next_deadline() == s.now + 100ms);
  REQUIRE(s.policy.connected(first[0], s.now));  // which lifts a backoff, and no distance
  s.now += 100ms - 1ns;
  CHECK(s.dials().empty());
  s.now += 1ns;
  CHECK(s.dials().size() == 1);
  CHECK(s.dials().empty());
}

TEST_CASE("a connection that lives shorter than its concurrency counts for less", "[pool_policy]") {
  auto options = small_pool();
  options.max_concurrency = 8;
  options.max_reuse = 2;
  subject s(options);
  s.waits(5);
  CHECK(s.dials().size() == 3);
}

TEST_CASE("the least loaded connection is picked, of equals the oldest", "[pool_policy]") {
  auto options = small_pool();
  options.max_concurrency = 3;
  subject s(options);
  const connection_id a = s.connected(), b = s.connected();
  CHECK(s.open(6) == std::vector<connection_id>{a, b, a, b, a, b});
  CHECK_FALSE(s.policy.pick());
  s.policy.stream_gone(b, s.now, false);
  CHECK(s.policy.pick() == b);
  s.policy.stream_gone(a, s.now, false);
  CHECK(s.policy.pick() == a);
}

TEST_CASE("free places count before a dial", "[pool_policy]") {
  subject s;
  const connection_id a = s.connected();
  s.waits(2);
  CHECK(s.dials().empty());
  s.open(1);
  CHECK(s.dials().size() == 1);
  s.policy.retire(a);
  s.waits(1);
  CHECK(s.dials().size() == 1);
}

TEST_CASE("backoff doubles from its minimum to its maximum, with jitter", "[pool_policy]") {
  for (std::uint64_t seed = 1; seed < 50; ++seed) {
    subject s(small_pool(), seed);
    for (int n = 0; n < 14; ++n) {
      const double least = std::min(0.1 * std::exp2(n), 15.0);
      const double waited = std::chrono::duration<double>(s.backoff()).count();
      CHECK(waited >= Approx(least));
      CHECK(waited <= Approx(std::min(2 * least, 30.0)));
      CHECK(s.policy.failures() == static_cast<std::uint32_t>(n) + 1);
    }
    s.connected();
    CHECK(s.policy.failures() == 0);
  }
}

TEST_CASE("backoff stays between equal bounds", "[pool_policy]") {
  auto options = small_pool();
  options.backoff_min = options.backoff_max = 5s;
  subject s(options);
  for (int n = 0; n < 5; ++n) CHECK(s.backoff() == 5s);
}

TEST_CASE("after a failure one dial at a time", "[pool_policy]") {
  subject s;
  s.waits(8);
  const auto dials = s.dials();
  REQUIRE(dials.size() == 4);
  for (const connection_id c : dials) s.policy.waited(s.policy.dial_failed(c, s.now).count);
  CHECK(s.policy.waiting() == 0);
  CHECK(s.policy.failures() == 1);  // one moment, one failure
  s.now += s.options.backoff_min * 2;
  s.waits(8);
  const auto probe = s.dials();
  REQUIRE(probe.size() == 1);
  CHECK(s.policy.connected(probe.front(), s.now));
  CHECK(s.dials().size() == 3);
}

TEST_CASE("a failed dial takes along the opens that it was for", "[pool_policy]") {
  subject s;
  s.waits(5);
  const auto dials = s.dials();
  REQUIRE(dials.size() == 3);
  auto fails = s.policy.dial_failed(dials[1], s.now);
  CHECK((fails.skip == 4 && fails.count == 1));
  s.policy.waited(1);
  fails = s.policy.dial_failed(dials[0], s.now);
  CHECK((fails.skip == 2 && fails.count == 2));
  s.policy.waited(2);
  s.waits(3);
  fails = s.policy.dial_failed(dials[2], s.now);
  CHECK((fails.skip == 0 && fails.count == 5));
}

TEST_CASE("with other connections alive a failed dial takes along no more than its share", "[pool_policy]") {
  subject s;
  s.connected();
  s.open(2);
  s.waits(7);
  const auto dials = s.dials();
  REQUIRE(dials.size() == 3);
  auto fails = s.policy.dial_failed(dials[0], s.now);
  CHECK((fails.skip == 4 && fails.count == 2));
  s.policy.waited(2);
  s.policy.dial_failed(dials[1], s.now);
  fails = s.policy.dial_failed(dials[2], s.now);
  CHECK((fails.skip == 0 && fails.count == 2));
}

TEST_CASE("an overdue dial fails at once and counts until it is over", "[pool_policy]") {
  auto options = small_pool();
  options.max_connections = 1;
  subject s(options);
  s.waits(1);
  const connection_id c = s.dials().front();
  CHECK(s.policy.next_deadline() == s.now + s.options.dial_timeout);
  CHECK_FALSE(s.policy.next_overdue(s.now + s.options.dial_timeout - 1ns));
  s.now += s.options.dial_timeout;
  const auto late = s.policy.next_overdue(s.now);
  REQUIRE(late);
  CHECK((late->id == c && late->fails.count == 1));
  s.policy.waited();
  CHECK_FALSE(s.policy.next_overdue(s.now));
  s.waits(1);
  s.now += 1h;
  CHECK(s.dials().empty());
  SECTION("it fails") {
    CHECK(s.policy.dial_failed(c, s.now).count == 0);
    CHECK(s.policy.failures() == 1);
  }
  SECTION("it connects after all") { CHECK_FALSE(s.policy.connected(c, s.now)); }
  CHECK(s.dials().size() == 1);
}

TEST_CASE("connections retire by use, age and idleness", "[pool_policy]") {
  auto options = small_pool();
  options.max_reuse = 3;
  options.max_age = 1000s;
  options.idle_timeout = 10s;
  subject s(options);
  const connection_id c = s.connected();
  SECTION("use") {
    s.open(2);
    s.policy.stream_gone(c, s.now, false);
    CHECK(s.retired().empty());
    s.open(1);
    CHECK_FALSE(s.policy.pick());
    CHECK(s.retired() == std::vector<connection_id>{c});
    CHECK(s.retired().empty());
  }
  SECTION("age, with sub-streams") {
    s.open(1);
    const duration age = s.policy.next_deadline() - s.now;
    CHECK((age >= 900s && age <= 1000s));
    s.now += age - 1ns;
    CHECK(s.retired().empty());
    s.now += 1ns;
    CHECK(s.retired() == std::vector<connection_id>{c});
    CHECK_FALSE(s.policy.pick());
  }
  SECTION("idleness") {
    s.now += 9s;
    s.open(1);
    s.now += 60s;
    CHECK(s.retired().empty());
    s.policy.stream_gone(c, s.now, false);
    CHECK(s.policy.next_deadline() == s.now + 10s);
    s.now += 10s;
    CHECK(s.retired() == std::vector<connection_id>{c});
  }
  SECTION("retired ones make room for others") {
    s.open(2);
    s.connected();
    s.open(2);
    s.waits(8);
    CHECK(s.dials().size() == 2);
    s.policy.retire(c);
    CHECK(s.dials().size() == 1);
    s.policy.stream_gone(c, s.now, false);
    s.policy.lost(c, s.now + 1h);
    CHECK(s.dials().empty());
  }
}

TEST_CASE("a connection lost young is a failed dial, one lost later is not", "[pool_policy]") {
  subject s;
  const connection_id c = s.connected();
  s.waits(1);
  s.open(2);
  SECTION("young") {
    s.now += pool_policy::young - 1ns;
    const auto fails = s.policy.lost(c, s.now);
    CHECK(fails.count == 1);
    CHECK(s.policy.failures() == 1);
    CHECK(s.dials().empty());
  }
  SECTION("later") {
    s.now += pool_policy::young;
    CHECK(s.policy.lost(c, s.now).count == 0);
    CHECK(s.dials().size() == 1);
  }
  SECTION("closed by us") {
    s.policy.retire(c);
    s.retired();
    CHECK(s.policy.lost(c, s.now).count == 0);
    CHECK(s.dials().size() == 1);
  }
  SECTION("dead, as an open found out") {
    s.policy.exclude(c);
    CHECK_FALSE(s.policy.pick());
    CHECK(s.retired().empty());
    CHECK(s.policy.lost(c, s.now).count == 1);
    CHECK(s.policy.failures() == 1);
  }
  SECTION("unknown by now") {
    s.policy.lost(c, s.now);
    CHECK(s.policy.lost(c, s.now).count == 0);
    s.policy.stream_gone(c, s.now, false);
  }
}

TEST_CASE("a server that accepts and drops connections is dialled after longer and longer pauses",
          "[pool_policy]") {
  subject s;
  s.waits(1);
  double longest = 0;
  for (int n = 0; n < 12; ++n) {
    s.now = std::max(s.now, s.policy.next_deadline());
    const auto dials = s.dials();
    REQUIRE(dials.size() == 1);
    REQUIRE(s.policy.connected(dials[0], s.now));
    const auto fails = s.policy.lost(dials[0], s.now + 1ms);
    CHECK(fails.count == 1);
    const std::chrono::duration<double> wait = s.policy.next_deadline() - s.now;
    CHECK(wait.count() >= std::min(0.1 * std::exp2(n), 15.0));
    longest = wait.count();
  }
  CHECK(longest >= 15);
}

TEST_CASE("a connection that refuses in a row retires", "[pool_policy]") {
  auto options = small_pool();
  options.max_concurrency = 8;
  subject s(options);
  const connection_id c = s.connected();
  const auto refuse = [&](int n, bool refused) {
    for (; n > 0; --n) {
      s.open(1);
      s.policy.stream_gone(c, s.now, refused);
    }
  };
  SECTION("young") {
    refuse(3, true);
    CHECK(s.retired() == std::vector<connection_id>{c});
    CHECK(s.policy.failures() == 1);
  }
  SECTION("later") {
    s.now += 1h - 10min;
    refuse(2, true);
    refuse(1, false);
    refuse(2, true);
    CHECK(s.policy.pick() == c);
    refuse(1, true);
    CHECK_FALSE(s.policy.pick());
    CHECK(s.policy.failures() == 0);
  }
}

TEST_CASE("a pool that drains retires all and dials nothing", "[pool_policy]") {
  subject s;
  const connection_id a = s.connected(), b = s.connected();
  s.open(4);
  s.waits(1);
  const auto dials = s.dials();
  REQUIRE(dials.size() == 1);
  s.policy.drain();
  CHECK(s.retired() == std::vector<connection_id>{a, b});
  CHECK_FALSE(s.policy.connected(dials[0], s.now));
  s.waits(9);
  CHECK(s.dials().empty());
  CHECK(s.policy.next_deadline() == time_point::max());
}

TEST_CASE("options of a pool that make no sense are named", "[pool_policy]") {
  client_pool_options o;
  CHECK(o.validate().empty());
  o.max_concurrency = 0;
  CHECK(o.validate() == "max_concurrency is 0, it must be 1 to 65535");
  o = {};
  o.backoff_max = 50ms;
  CHECK(o.validate() == "backoff_max (s) is 0.05, it must be 0.1 to 86400");
  o = {};
  o.session.max_streams = 0;
  CHECK(o.validate() == "session.max_streams is 0, it must be 1 to 65535");
}
