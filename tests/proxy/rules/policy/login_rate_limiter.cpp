// How fast a source may guess passwords, on explicit time.
#include "catch.hpp"

#include "proxy/policy/login_rate_limiter.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace {

using muxpro::duration;
using muxpro::time_point;
using muxpro::proxy::login_rate_limiter;
using namespace std::chrono_literals;

asio::ip::address host(std::uint32_t n) { return asio::ip::address_v4(0x0a000000 + n); }
constexpr time_point first_guess{1h};

TEST_CASE("guesses: ten failures are free, then one login in a second", "[proxy][guesses]") {
  login_rate_limiter g;
  for (int i = 0; i < 10; ++i) {
    CHECK(g.wait(host(1), first_guess) == duration(0));
    g.failed(host(1), first_guess);
  }
  for (int i = 1; i <= 10; ++i) CHECK(g.wait(host(1), first_guess) == i * 1s);
  CHECK_FALSE(g.wait(host(1), first_guess));
  CHECK(g.wait(host(2), first_guess) == duration(0));
}

TEST_CASE("guesses: logins that do not fail are never slowed", "[proxy][guesses]") {
  login_rate_limiter g;
  for (int i = 0; i < 1000; ++i) CHECK(g.wait(host(1), first_guess) == duration(0));
  CHECK(g.sources() == 0);
}

TEST_CASE("guesses: a patient guesser gets one check in a second", "[proxy][guesses]") {
  login_rate_limiter g;
  time_point now = first_guess;
  int checked = 0;
  while (now < first_guess + 60s) {
    const auto pause = g.wait(host(1), now);
    REQUIRE(pause);
    now += *pause;
    g.failed(host(1), now);
    ++checked;
  }
  CHECK(checked <= 10 + 61);
}

TEST_CASE("guesses: failures are forgiven with time", "[proxy][guesses]") {
  login_rate_limiter g;
  for (int i = 0; i < 100; ++i) g.failed(host(1), first_guess);
  CHECK(g.wait(host(1), first_guess + 999ms) == 1ms);
  CHECK(g.wait(host(1), first_guess + 20s) == duration(0));
  g.failed(host(2), first_guess + 21s);
  CHECK(g.sources() == 1);
}

TEST_CASE("guesses: an IPv6 site is one source, and memory is bounded", "[proxy][guesses]") {
  login_rate_limiter g;
  for (int i = 0; i < 10; ++i) g.failed(asio::ip::make_address("2001:db8::1"), first_guess);
  CHECK(g.wait(asio::ip::make_address("2001:db8::2"), first_guess) == 1s);
  for (std::uint32_t i = 0; i < login_rate_limiter::most_sources + 10; ++i) g.failed(host(i), first_guess);
  CHECK(g.sources() == login_rate_limiter::most_sources);
}

}  // namespace
