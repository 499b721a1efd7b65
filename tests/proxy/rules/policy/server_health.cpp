// Whether a server can be used.
#include "catch.hpp"

#include "proxy/policy/server_health.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>

namespace {

using namespace muxpro::proxy;
using namespace std::chrono_literals;
using muxpro::duration;
using muxpro::time_point;

const time_point begun = time_point() + 24h;

}  // namespace

TEST_CASE("server health: without probes a failure is remembered for a while", "[proxy][dial]") {
  server_health h(1);
  CHECK_FALSE(h.failing(begun, false));
  h.failed(begun);
  CHECK(h.failing(begun, false));
  CHECK(h.failing(begun + server_health::memory - 1ns, false));
  CHECK_FALSE(h.failing(begun + server_health::memory, false));
  h.failed(begun);
  h.succeeded();
  CHECK_FALSE(h.failing(begun, false));
}

TEST_CASE("server health: with probes a failure stays until a success", "[proxy][dial]") {
  server_health h(1);
  CHECK_FALSE(h.failing(begun, true));
  h.failed(begun);
  CHECK(h.failing(begun + 1000h, true));
  h.succeeded();
  CHECK_FALSE(h.failing(begun + 1000h, true));
}

TEST_CASE("server health: an attempt that was given up counts if it took long", "[proxy][dial]") {
  server_health h(1);
  h.given_up(begun, begun + server_health::slow - 1ns);
  CHECK_FALSE(h.failing(begun + server_health::slow, false));
  h.given_up(begun, begun + server_health::slow);
  CHECK(h.failing(begun + server_health::slow, false));
}

TEST_CASE("server health: probes become rarer, by chance, and never too rare", "[proxy][dial]") {
  std::set<duration> firsts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    server_health h(seed);
    h.failed(begun);
    duration expected = server_health::shortest;
    for (int i = 0; i < 10; ++i) {
      const duration wait = h.next_probe();
      CHECK(wait >= expected);
      CHECK(wait <= expected * 3 / 2);
      if (i == 0) firsts.insert(wait);
      h.failed(begun);  // the probe has failed: the next one is later
      expected = std::min<duration>(2 * expected, server_health::longest);
    }
    h.succeeded();
    h.failed(begun);
    CHECK(h.next_probe() <= server_health::shortest * 3 / 2);
  }
  CHECK(firsts.size() > 10);
}
