// buffer_budget: the one object that threads share.
#include "bytes.hpp"
#include "catch.hpp"

#include <muxpro/buffer_budget.hpp>

#include <list>
#include <string>
#include <thread>

using namespace muxpro;

TEST_CASE("buffer_budget takes up to a share of its limit", "[rules][buffer_budget]") {
  buffer_budget b(1000);
  CHECK(b.try_take(800, 0.8));
  CHECK_FALSE(b.try_take(1, 0.8));
  CHECK(b.try_take(200));
  CHECK_FALSE(b.try_take(1));
  CHECK(b.try_take(0));
  CHECK_FALSE(b.try_take(~std::uint64_t{0}));
  b.take(500);
  CHECK(b.used() == 1500);
  CHECK(b.level() == Approx(1.5));
  CHECK_FALSE(b.try_take(1));
  b.give(1500);
  CHECK(b.used() == 0);
  CHECK(b.try_take(1000));
}

TEST_CASE("buffer_budget is exact under four threads", "[rules][buffer_budget]") {
  constexpr std::uint64_t limit = 1000;
  buffer_budget b(limit);
  std::atomic<bool> exceeded{false};
  const auto work = [&](std::uint64_t seed) {
    wire_test::random_engine rng(seed);
    std::uint64_t held = 0;
    for (int i = 0; i < 100'000; ++i) {
      const std::uint64_t n = rng() % 400;
      if (b.try_take(n)) held += n;
      if (b.used() > limit) exceeded = true;
      if (rng() % 2 == 0) b.give(std::exchange(held, 0));
    }
    b.give(held);
  };
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& t : threads) t.join();
  CHECK_FALSE(exceeded);
  CHECK(b.used() == 0);
}

TEST_CASE("buffer_budget counts admitted bytes of all threads, above the limit as well",
          "[rules][buffer_budget]") {
  buffer_budget b(10);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&b] {
      for (int n = 0; n < 50'000; ++n) {
        b.take(3);
        b.give(2);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(b.used() == 200'000);
}

namespace {

/// Releases all it holds when asked, or refuses.
class stub_holder final : public buffer_budget::holder {
 public:
  explicit stub_holder(buffer_budget& b, const std::string& user = {}, bool willing = true)
      : budget_(b), willing_(willing) {
    b.join(*this, user);
  }
  ~stub_holder() {
    budget_.leave(*this);
    budget_.give(*this, held());
  }
  void take(std::uint64_t n) { budget_.take(*this, n); }
  void give(std::uint64_t n) { budget_.give(*this, n); }
  void give_all() {
    budget_.leave(*this);
    budget_.give(*this, held());
  }
  int asked = 0;

 private:
  bool release_memory() noexcept override { return ++asked, willing_; }

  buffer_budget& budget_;
  bool willing_;
};

}  // namespace

TEST_CASE("buffer_budget evicts the holder of the most unread bytes when 95 % are used",
          "[rules][buffer_budget]") {
  buffer_budget b(1000);
  stub_holder light(b), heavy(b), middling(b);
  light.take(100);
  heavy.take(500);
  middling.take(350);
  CHECK(heavy.asked == 0);
  light.take(1);
  CHECK(heavy.asked == 1);
  middling.take(400);  // the most now, but one lets go at a time
  CHECK(heavy.asked == 1);
  CHECK(middling.asked == 0);
  heavy.give_all();
  CHECK(b.used() == 851);
  middling.take(100);
  CHECK(middling.asked == 1);
  CHECK(light.asked == 0);
}

TEST_CASE("buffer_budget evicts from 95 % of its limit on", "[rules][buffer_budget]") {
  buffer_budget b(1000);
  stub_holder h(b);
  h.take(950);
  CHECK(h.asked == 0);
  h.take(1);
  CHECK(h.asked == 1);
}

TEST_CASE("buffer_budget evicts the next holder only when the previous one has left",
          "[rules][buffer_budget]") {
  buffer_budget b(1000);
  stub_holder first(b), second(b), third(b);
  first.take(500);
  second.take(490);
  REQUIRE(first.asked == 1);
  second.take(100);
  b.leave(third);  // another one than the one that was asked
  second.take(1);
  CHECK(first.asked == 1);
  CHECK(second.asked == 0);
  b.leave(first);  // its bytes are still counted
  second.take(1);
  CHECK(second.asked == 1);
  CHECK(first.asked == 1);
  second.take(1);
  CHECK(second.asked == 1);
}

TEST_CASE("buffer_budget evicts again if a holder could not begin", "[rules][buffer_budget]") {
  buffer_budget b(1000);
  stub_holder unwilling(b, {}, false);
  unwilling.take(960);
  unwilling.take(1);
  CHECK(unwilling.asked == 2);
}

TEST_CASE("buffer_budget counts the bytes of a holder that left until they are given back",
          "[rules][buffer_budget]") {
  buffer_budget b(1000);
  stub_holder gone(b), here(b);
  gone.take(900);
  b.leave(gone);
  b.leave(gone);
  CHECK(b.used() == 900);
  here.take(100);
  CHECK(gone.asked == 0);
  CHECK(here.asked == 1);
  b.give(gone, 900);
  CHECK(b.used() == 100);
}

TEST_CASE("the process-wide budget is one object of at most 512 MiB", "[rules][buffer_budget]") {
  const auto b = process_wide_budget();
  CHECK(b == process_wide_budget());
  CHECK(b->limit() > 0);
  CHECK(b->limit() <= 512u << 20);
}

TEST_CASE("buffer_budget is crowded for the user that holds more than a share", "[rules][buffer_budget]") {
  buffer_budget b(100'000);
  stub_holder greedy(b, "a"), again(b, "a"), modest(b, "b"), idle(b);
  greedy.take(30'000);
  again.take(20'000);
  modest.take(29'999);
  CHECK_FALSE(b.crowded(greedy));  // less than 80 % are used
  modest.take(1);
  CHECK(b.crowded(greedy));
  CHECK(b.crowded(again));
  CHECK_FALSE(b.crowded(modest));
  CHECK_FALSE(b.crowded(idle));
  greedy.give(10'000);
  CHECK_FALSE(b.crowded(again));
  again.take(1);
  idle.take(10'000);  // three users now
  CHECK(b.crowded(modest));
  CHECK_FALSE(b.crowded(idle));
}

TEST_CASE("buffer_budget is crowded for every user when 95 % are used", "[rules][buffer_budget]") {
  buffer_budget b(1000);
  stub_holder greedy(b, "a"), idle(b, "b");
  greedy.take(949);
  CHECK_FALSE(b.crowded(idle));
  greedy.take(1);
  CHECK(b.crowded(idle));
}

TEST_CASE("buffer_budget never refuses a user that holds little while the largest holder is leaving",
          "[rules][buffer_budget]") {
  buffer_budget b(100'000);
  stub_holder greedy(b, "a"), small(b, "b"), other(b, "c");
  other.take(101);  // 0.1 % and one byte
  greedy.take(94'900);
  REQUIRE(greedy.asked == 1);
  CHECK_FALSE(b.crowded(small));
  small.take(100);
  CHECK_FALSE(b.crowded(small));
  small.take(1);
  CHECK(b.crowded(small));
  CHECK(b.crowded(other));
  CHECK(b.crowded(greedy));
  b.leave(greedy);  // its bytes are still counted
  small.give(101);
  CHECK(b.crowded(small));
  b.give(greedy, 94'900);
  CHECK_FALSE(b.crowded(small));
}

TEST_CASE("buffer_budget: users that hold little leave the shares of others as they are",
          "[rules][buffer_budget]") {
  buffer_budget b(1'000'000);
  std::list<stub_holder> small;
  for (int i = 0; i < 500; ++i) small.emplace_back(b, std::to_string(i)).take(1'000);
  stub_holder honest(b, "honest");
  honest.take(310'000);
  CHECK(b.used() == 810'000);
  CHECK_FALSE(b.crowded(honest));
  for (stub_holder& s : small) s.take(1);  // and now each counts
  CHECK(b.crowded(honest));
}

TEST_CASE("buffer_budget evicts from the user that holds most, with any number of holders",
          "[rules][buffer_budget]") {
  buffer_budget b(100'000);
  stub_holder honest(b, "honest");
  std::list<stub_holder> attackers;
  for (int i = 0; i < 40; ++i) attackers.emplace_back(b, "attacker");
  honest.take(14'000);
  for (stub_holder& a : attackers) a.take(2'000);
  attackers.back().take(1'001);
  CHECK(attackers.back().asked == 1);
  CHECK(honest.asked == 0);
}

TEST_CASE("buffer_budget removes a user whose last holder has left", "[rules][buffer_budget]") {
  buffer_budget b(1000);
  stub_holder left(b, "a");
  left.take(900);
  b.leave(left);
  stub_holder next(b, "a"), other(b, "b");
  CHECK_FALSE(b.crowded(next));  // what left() still holds is of no user that is there
  next.take(10);
  left.give(900);
  CHECK(b.used() == 10);
}
