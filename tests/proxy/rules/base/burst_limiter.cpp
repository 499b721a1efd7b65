// Events of a key in a second: what is allowed, and that each of the others is reported once.
#include "catch.hpp"

#include "proxy/base/burst_limiter.hpp"

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace muxpro;
using namespace std::chrono_literals;
using limiter = proxy::burst_limiter<std::string>;

const time_point origin = time_point(1000s);

std::uint64_t sum(const std::vector<limiter::omission>& all) {
  std::uint64_t n = 0;
  for (const auto& o : all) n += o.events;
  return n;
}

}  // namespace

TEST_CASE("burst limiter: what is omitted at the end of a burst is reported when its second is over",
          "[proxy][log]") {
  limiter l(2, 10);
  CHECK(l.next_end() == time_point::max());
  for (int i = 0; i < 2; ++i) CHECK(l.ask("a", origin + 100ms).allowed);
  CHECK(l.next_end() == time_point::max());
  for (int i = 0; i < 5; ++i) CHECK_FALSE(l.ask("a", origin + 200ms).allowed);
  CHECK(l.next_end() == origin + 1100ms);
  CHECK(l.take_ended(origin + 1099ms).empty());
  const auto ended = l.take_ended(origin + 1100ms);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].key == "a");
  CHECK(ended[0].events == 5);
  CHECK(l.take_ended(origin + 2h).empty());
  CHECK(l.next_end() == time_point::max());
  CHECK(l.ask("a", origin + 3h).omitted == 0);
}

TEST_CASE("burst limiter: keys without room are counted together, and a forgotten key loses no count",
          "[proxy][log]") {
  limiter l(1, 2);
  CHECK(l.ask("a", origin).allowed);
  CHECK_FALSE(l.ask("a", origin, 7).allowed);
  CHECK(l.ask("b", origin).allowed);
  CHECK_FALSE(l.ask("c", origin + 1ms, 2).allowed);
  CHECK_FALSE(l.ask("d", origin + 1ms).allowed);
  // a and b are forgotten, with what a has omitted.
  CHECK(l.ask("c", origin + 1s).allowed);
  const auto all = l.take_ended(time_point::max());
  REQUIRE(all.size() == 1);
  CHECK_FALSE(all[0].key);
  CHECK(all[0].events == 10);
}

TEST_CASE("burst limiter: a time that goes back stands still", "[proxy][log]") {
  limiter l(1, 2);
  CHECK(l.ask("a", origin).allowed);
  CHECK_FALSE(l.ask("a", origin - 1h).allowed);
  CHECK_FALSE(l.ask("a", origin + 999ms).allowed);
  CHECK(l.ask("a", origin + 1s).omitted == 2);
}

TEST_CASE("burst limiter: every event is allowed or reported as omitted once", "[proxy][log]") {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    limiter l(static_cast<std::uint32_t>(1 + random() % 3), 1 + random() % 4);
    std::uint64_t events = 0, allowed = 0, omitted = 0;
    auto now = origin;
    for (int i = 0; i < 500; ++i) {
      now += std::chrono::milliseconds(random() % 300);
      const std::uint64_t n = 1 + random() % 5;
      const auto d = l.ask(std::string(1, static_cast<char>('a' + random() % 6)), now, n);
      events += n;
      allowed += d.allowed ? n : 0;
      omitted += d.omitted;
      if (random() % 10 == 0) omitted += sum(l.take_ended(now));
    }
    omitted += sum(l.take_ended(time_point::max()));
    REQUIRE(allowed + omitted == events);
    REQUIRE(l.next_end() == time_point::max());
  }
}

TEST_CASE("burst limiter: one key gets so many events a second, and the number of omitted ones is reported",
          "[proxy][log]") {
  limiter l(3, 4096);
  for (int i = 0; i < 3; ++i) CHECK(l.ask("a", origin).allowed);
  for (int i = 0; i < 7; ++i) CHECK_FALSE(l.ask("a", origin + 900ms).allowed);
  CHECK(l.ask("b", origin).allowed);
  const auto later = l.ask("a", origin + 1s);
  CHECK(later.allowed);
  CHECK(later.omitted == 7);
  CHECK(l.ask("a", origin + 1s).omitted == 0);
}

TEST_CASE("burst limiter: it keeps a limited number of keys", "[proxy][log]") {
  proxy::burst_limiter<int> l(1, 4096);
  for (int i = 0; i < 4096; ++i) CHECK(l.ask(i, origin).allowed);
  CHECK_FALSE(l.ask(5000, origin).allowed);
  CHECK(l.ask(5000, origin + 1100ms).allowed);
}

TEST_CASE("burst limiter: threads share one without losing an event", "[proxy][log]") {
  constexpr int threads = 4, asks = 20'000;
  limiter l(1, 2);
  std::atomic<std::uint64_t> counted{0};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&l, &counted, t] {
      for (int i = 0; i < asks; ++i) {
        const auto d = l.ask(std::string(1, static_cast<char>('a' + (i + t) % 3)), origin + i * 1ms);
        counted += d.omitted + (d.allowed ? 1 : 0);
        if (i % 100 == 0) counted += sum(l.take_ended(origin + i * 1ms));
      }
    });
  for (auto& t : all) t.join();
  counted += sum(l.take_ended(time_point::max()));
  CHECK(counted == threads * asks);
}
