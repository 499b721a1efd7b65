// Places for connections that have not negotiated, and lines for the log.
#include "catch.hpp"

#include "proxy/engine/rate_limited_log.hpp"

#include <muxpro/proxy/admission.hpp>
#include <muxpro/proxy/log.hpp>

#include <thread>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;

asio::ip::address host(std::uint32_t n) { return asio::ip::address_v4(0x0a000000 + n); }
constexpr time_point origin{1h};

}  // namespace

TEST_CASE("places are limited in all and for each source, and come back", "[proxy][admission]") {
  const auto a = std::make_shared<admission>(5, 3);
  std::vector<admission::ticket> held;
  for (int i = 0; i < 3; ++i) held.push_back(a->enter(host(1)).value());
  CHECK_FALSE(a->enter(host(1)));
  for (std::uint32_t i = 2; i < 4; ++i) held.push_back(a->enter(host(i)).value());
  CHECK_FALSE(a->enter(host(9)));
  CHECK(a->inside() == 5);
  held[0].release();
  held[0].release();
  CHECK(a->inside() == 4);
  held[1] = std::move(held[4]);
  CHECK(a->inside() == 3);
  held.clear();
  CHECK(a->inside() == 0);
  CHECK(a->enter(host(1)));
}

TEST_CASE("tickets outlive the admission and are given back by any thread", "[proxy][admission]") {
  auto a = std::make_shared<admission>(10'000, 10'000);
  std::vector<std::thread> threads;
  for (std::uint32_t n = 0; n < 4; ++n)
    threads.emplace_back([a, n] {
      for (int i = 0; i < 2000; ++i) const auto t = a->enter(host(n % 2));
    });
  for (auto& t : threads) t.join();
  CHECK(a->inside() == 0);
  auto last = a->enter(host(1));
  a.reset();
  last.reset();
}

TEST_CASE("one source gets so many lines a second, and the number of omitted ones is reported",
          "[proxy][log]") {
  log_rate_limiter b(3);
  for (int i = 0; i < 3; ++i) CHECK(b.ask(host(1), origin).write);
  for (int i = 0; i < 7; ++i) CHECK_FALSE(b.ask(host(1), origin + 900ms).write);
  CHECK(b.ask(host(2), origin).write);
  const auto later = b.ask(host(1), origin + 1s);
  CHECK(later.write);
  CHECK(later.suppressed == 7);
  CHECK(b.ask(host(1), origin + 1s).suppressed == 0);
}

TEST_CASE("the brake remembers a limited number of sources", "[proxy][log]") {
  log_rate_limiter b(1);
  for (std::uint32_t i = 0; i < 4096; ++i) CHECK(b.ask(host(i), origin).write);
  CHECK_FALSE(b.ask(host(5000), origin).write);
  CHECK(b.ask(host(5000), origin + 1100ms).write);
}
