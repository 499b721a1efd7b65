// A token bucket for bytes.
#include "catch.hpp"

#include "proxy/policy/pace.hpp"

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
