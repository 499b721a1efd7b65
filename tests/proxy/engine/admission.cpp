// Places for connections that have not negotiated.
#include "catch.hpp"

#include <muxpro/proxy/admission.hpp>

#include <algorithm>
#include <list>
#include <new>
#include <random>
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

TEST_CASE("without room the oldest place of the source with the most goes", "[proxy][admission]") {
  const auto a = std::make_shared<admission>(5, 3);
  std::vector<int> evicted;
  std::vector<admission::ticket> held;
  for (const std::uint32_t source : {1u, 2u, 2u, 1u, 2u}) {
    held.push_back(a->enter(host(source)).value());
    held.back().on_eviction([&evicted, n = static_cast<int>(held.size())] { evicted.push_back(n); });
  }
  held.push_back(a->enter(host(3)).value());
  CHECK(evicted == std::vector{2});
  held.push_back(a->enter(host(4)).value());  // two of 1 and two of 2
  CHECK(evicted == std::vector{2, 1});
  held.push_back(a->enter(host(5)).value());
  CHECK(evicted == std::vector{2, 1, 3});
  CHECK(a->inside() == 5);
  held[1].release();  // has no place any more
  CHECK(a->inside() == 5);
  held.clear();
  CHECK(a->inside() == 0);
}

TEST_CASE("a place that went before its connection was there evicts it at once", "[proxy][admission]") {
  const auto a = std::make_shared<admission>(1, 1);
  auto first = a->enter(host(1)).value();
  const auto watch = first.watch();
  const auto second = a->enter(host(2));
  REQUIRE(second);
  bool evicted = false;
  first.on_eviction([&] { evicted = true; });
  CHECK(evicted);
  CHECK_FALSE(watch.expired());
  first.release();
  CHECK(watch.expired());
}

TEST_CASE("an eviction that fails takes no place for the newcomer", "[proxy][admission]") {
  const auto a = std::make_shared<admission>(1, 1);
  auto first = a->enter(host(1)).value();
  first.on_eviction([] { throw std::bad_alloc(); });
  CHECK_THROWS_AS(a->enter(host(2)), std::bad_alloc);
  CHECK(a->inside() == 0);
  CHECK(a->enter(host(3)));
}

TEST_CASE("a newcomer gets a place beside 2,000 silent connections", "[proxy][admission]") {
  const auto a = std::make_shared<admission>(1024, 16);
  std::vector<admission::ticket> silent;
  for (std::uint32_t i = 0; i < 2000; ++i)
    if (auto t = a->enter(host(i % 94))) silent.push_back(std::move(*t));
  CHECK(a->inside() == 1024);
  bool evicted = false;
  auto late_client = a->enter(host(500)).value();
  late_client.on_eviction([&] { evicted = true; });
  for (std::uint32_t i = 0; i < 2000; ++i)
    if (auto t = a->enter(host(i % 94))) silent.push_back(std::move(*t));
  CHECK_FALSE(evicted);
}

TEST_CASE("an IPv6 site is one source", "[proxy][admission]") {
  const auto a = std::make_shared<admission>(10, 1);
  const auto held = a->enter(asio::ip::make_address("2001:db8::1"));
  CHECK_FALSE(a->enter(asio::ip::make_address("2001:db8::2")));
  CHECK(a->enter(asio::ip::make_address("2001:db8:0:1::1")));
}

TEST_CASE("random places agree with a list", "[proxy][admission]") {
  std::mt19937_64 rng(19);
  const auto a = std::make_shared<admission>(20, 8);
  struct entry {
    std::uint32_t source;
    bool inside = true;
    admission::ticket ticket;
  };
  std::list<entry> all;
  const auto of = [&](std::uint32_t source) {
    return std::count_if(all.begin(), all.end(), [&](auto& e) { return e.inside && e.source == source; });
  };
  const auto expected_victim = [&]() -> entry* {
    entry* victim = nullptr;
    for (entry& e : all)
      if (e.inside && (!victim || of(e.source) > of(victim->source))) victim = &e;
    return victim;
  };
  for (int step = 0; step < 4'000; ++step) {
    if (rng() % 3 == 0 && !all.empty()) {
      all.erase(std::next(all.begin(), static_cast<std::ptrdiff_t>(rng() % all.size())));
      continue;
    }
    const auto source = static_cast<std::uint32_t>(rng() % 6);
    const bool full = of(source) >= 8;
    entry* const victim = !full && a->inside() == 20 ? expected_victim() : nullptr;
    auto t = a->enter(host(source));
    REQUIRE(t.has_value() == !full);
    if (victim) REQUIRE_FALSE(victim->inside);
    if (!t) continue;
    all.push_back({source, true, std::move(*t)});
    all.back().ticket.on_eviction([inside = &all.back().inside] { *inside = false; });
    REQUIRE(a->inside() == static_cast<std::uint32_t>(
                               std::count_if(all.begin(), all.end(), [](auto& e) { return e.inside; })));
  }
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
