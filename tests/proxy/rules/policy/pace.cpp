// A token bucket for bytes.
#include "catch.hpp"

#include "proxy/policy/pace.hpp"

#include <random>

using namespace std::chrono_literals;
using muxpro::duration;
using muxpro::time_point;
using muxpro::proxy::pace;
using muxpro::proxy::pace_limits;

TEST_CASE("pace: no limit", "[proxy][pace]") {
  pace p(pace_limits{});
  CHECK(p.took(1'000'000, time_point(1s)) == duration(0));
}

TEST_CASE("pace: free bytes, a burst, then the rate", "[proxy][pace]") {
  pace p(pace_limits{1000, 100, 300});
  CHECK(p.took(1000, time_point(1s)) == duration(0));
  CHECK(p.took(300, time_point(1s)) == duration(0));
  CHECK(p.took(50, time_point(1s)) == 500ms);
  CHECK(p.took(50, time_point(2s)) == duration(0));
  CHECK(p.took(100, time_point(2s)) == 1s);
  CHECK(p.took(300, time_point(1000s)) == duration(0));
  CHECK(p.took(1, time_point(1000s)) == 10ms);
}

TEST_CASE("pace: a burst is not less than a second of the rate", "[proxy][pace]") {
  pace p(pace_limits{0, 100, 0});
  CHECK(p.took(100, time_point(1s)) == duration(0));
  CHECK(p.took(10, time_point(1s)) == 100ms);
  pace q(pace_limits{0, 100, 30});
  CHECK(q.took(100, time_point(1s)) == duration(0));
}

TEST_CASE("pace: a reader that waits gets the rate, whatever it reads at a time", "[proxy][pace]") {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    const pace_limits limits{random() % 10'000, 1 + random() % 5000, random() % 20'000};
    const double burst = static_cast<double>(std::max(limits.burst, limits.per_second)), largest = 3000;
    pace p(limits);
    time_point now(1s);
    double read = 0;
    for (int i = 0; i < 2000; ++i) {
      const std::size_t n = random() % static_cast<unsigned>(largest);
      now += p.took(n, now);
      if (random() % 50 == 0) now += std::chrono::milliseconds(random() % 3000);  // the peer pauses
      read += static_cast<double>(n);
      const double seconds = std::chrono::duration<double>(now - time_point(1s)).count();
      const double most =
          static_cast<double>(limits.free_bytes) + burst + static_cast<double>(limits.per_second) * seconds;
      INFO("round " << round << ", read " << i);
      REQUIRE(read <= most + 1);
    }
  }
}

TEST_CASE("pace: a reader that always waits loses nothing of the rate", "[proxy][pace]") {
  pace p(pace_limits{500, 1000, 2000});
  time_point now(1s);
  for (int i = 0; i < 1000; ++i) now += p.took(100, now);
  // 100,000 bytes, of which 500 are free and 2,000 came at once.
  CHECK(std::chrono::abs(now - time_point(1s) - 97'500ms) < 10ms);
}
