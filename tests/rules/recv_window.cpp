// The receive window against a model of four totals, and over a simulated link.
#include "bytes.hpp"
#include "catch.hpp"
#include "start.hpp"

#include <muxpro/detail/recv_window.hpp>

#include <deque>
#include <optional>
#include <utility>

using namespace muxpro;
using detail::initial_window;
using detail::recv_window;
using detail::small_path_cap;
using rules_test::start;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire_test::pick;
using wire_test::random_engine;

namespace {

struct totals {
  std::uint64_t received = 0, consumed = 0, granted = initial_window, window = initial_window;
  /// What the peer had at a grant of which it has not used a byte yet, and when that was.
  std::optional<std::pair<std::uint64_t, time_point>> had;
  int halved = 0;

  std::uint64_t due() const { return consumed + window - granted; }
  void receive(std::uint64_t n) {
    received += n;
    if (had && received > had->first) had.reset();
  }
  void shrink(std::uint64_t smaller) {
    window = std::min(window, std::max({smaller, granted - consumed, std::uint64_t{initial_window}}));
  }
  std::uint64_t grant(time_point now) {
    if (had && now - had->second >= seconds(10)) {
      window = std::max({window / 2, granted - consumed, std::uint64_t{initial_window}});
      had.reset();
      ++halved;
    }
    const std::uint64_t n = due();
    if (n > 0 && !had) had = {granted, now};
    granted += n;
    return n;
  }
  bool agrees(const recv_window& w) const {
    return w.window() == window && w.granted() == granted && w.unread() == received - consumed &&
           w.outstanding() == granted - received && granted <= consumed + window &&
           w.grant_due() ==
               (due() >= std::min(std::max<std::uint64_t>(window / 4, 32768), 256 * std::uint64_t{1024}));
  }
};

/// A random part of `most`, often all, nothing or next to it.
std::uint64_t part(random_engine& rng, std::uint64_t most) {
  switch (rng() % 4) {
    case 0: return most;
    case 1: return most - std::min<std::uint64_t>(most, 1);
    case 2: return std::min<std::uint64_t>(most, 1);
    default: return pick(rng, 0, most);
  }
}

bool random_step(recv_window& w, totals& model, random_engine& rng, time_point now) {
  switch (rng() % 6) {
    case 0:
    case 1: {
      const std::uint64_t n = part(rng, w.outstanding());
      model.receive(n);
      return w.receive(n, now);
    }
    case 2: return !w.receive(w.outstanding() + 1 + part(rng, std::uint64_t{1} << 40), now);
    case 3: {
      const std::uint64_t n = part(rng, w.unread());
      w.consume(n);
      model.consumed += n;
      return true;
    }
    case 4: {
      if (model.due() == 0 || (!w.grant_due() && rng() % 4 != 0)) return true;
      return w.grant(now) == model.grant(now);
    }
    default: {
      if (rng() % 64 != 0) return true;
      const std::uint64_t larger = std::min<std::uint64_t>(model.window + pick(rng, 0, 65536), 16 << 20);
      w.resize(static_cast<std::uint32_t>(larger));
      model.window = larger;
      if (rng() % 4 != 0) return true;
      const auto smaller = static_cast<std::uint32_t>(pick(rng, 0, 1 << 20));
      w.shrink(smaller);
      model.shrink(smaller);
      return w.window() == model.window;
    }
  }
}

struct circuit {
  int round_trip = 100;            ///< milliseconds
  std::uint64_t sends = 1u << 30;  ///< bytes in a millisecond that the peer has to send
  std::uint64_t reads = 1u << 30;  ///< bytes in a millisecond that the application reads
  std::uint32_t limit = 4 * 1024 * 1024;
  bool large_allowed = true;  ///< to have a large window
};

struct outcome {
  std::vector<std::uint32_t> windows{initial_window};
  std::vector<duration> samples;
  std::uint64_t delivered = 0;
  bool within_credit = true;
};

/// Ten seconds of a circuit in steps of a millisecond; data and grants are under way for half a round trip.
outcome simulate(const circuit& l) {
  struct parcel {
    int arrives;
    std::uint64_t size;
  };
  outcome out;
  recv_window w;
  std::uint64_t balance = initial_window;
  std::deque<parcel> data, grants;
  for (int t = 0; t < 10'000; ++t) {
    const time_point now = start + milliseconds(t);
    for (; !grants.empty() && grants.front().arrives <= t; grants.pop_front()) balance += grants.front().size;
    if (const std::uint64_t n = std::min(l.sends, balance); n > 0) {
      balance -= n;
      data.push_back({t + l.round_trip / 2, n});
    }
    for (; !data.empty() && data.front().arrives <= t; data.pop_front())
      out.within_credit &= w.receive(data.front().size, now);
    if (const std::uint64_t n = std::min(l.reads, w.unread()); n > 0) {
      w.consume(n);
      out.delivered += n;
    }
    if (const auto larger = w.desired_window(l.limit)) {
      w.resize(*larger);
      out.windows.push_back(*larger);
    }
    if (w.grant_due()) grants.push_back({t + l.round_trip / 2, w.grant(now)});
    if (const auto sample = w.take_sample()) {
      out.samples.push_back(*sample);
      w.allow_large(l.large_allowed);
    }
  }
  return out;
}

using windows = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("recv_window agrees with a model over a million random steps", "[rules][recv_window]") {
  int halved = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    random_engine rng(seed);
    recv_window w;
    totals model;
    time_point now = start;
    for (int step = 0; step < 100'000; ++step) {
      now += milliseconds(rng() % 16 == 0 ? 11'000 : 100);
      const bool exact = random_step(w, model, rng, now);
      if (!exact || !model.agrees(w)) FAIL("seed " << seed << ", step " << step);
    }
    CHECK(model.received > 10u << 20);
    halved += model.halved;
  }
  CHECK(halved > 100);
}

TEST_CASE("recv_window refuses bytes beyond the credit without counting them", "[rules][recv_window]") {
  recv_window w;
  CHECK_FALSE(w.receive(65537, start));
  CHECK(w.receive(65535, start));
  CHECK_FALSE(w.receive(2, start));
  CHECK_FALSE(w.receive(~std::uint64_t{0}, start));
  CHECK(w.unread() == 65535);
  CHECK(w.outstanding() == 1);
  CHECK(w.receive(1, start));
  CHECK(w.receive(0, start));
  CHECK_FALSE(w.receive(1, start));
}

TEST_CASE("recv_window halves a window that lasts for ten seconds", "[rules][recv_window]") {
  recv_window w;
  w.resize(1 << 20);
  w.grant(start);
  const auto use = [&w](std::uint64_t n, time_point now) {
    REQUIRE(w.receive(n, now));
    w.consume(n);
    return w.grant(now);
  };
  CHECK(use(300'000, start + seconds(1)) == 300'000);
  SECTION("in use") {
    CHECK(use(800'000, start + seconds(2)) == 800'000);
    CHECK(use(300'000, start + seconds(11)) == 300'000);
    CHECK(w.window() == 1 << 20);
  }
  SECTION("until it is the first one") {
    for (int i = 1; i < 60; ++i) {
      REQUIRE(w.receive(65'536, start + seconds(20 * i)));
      w.consume(65'536);
      if (w.grant_due()) w.grant(start + seconds(20 * i));
    }
    CHECK(w.window() == initial_window);
  }
  SECTION("by no more than the peer has used") {
    CHECK(use(262'144, start + seconds(12)) == 0);
    CHECK(w.window() == 3 << 18);
    CHECK(w.outstanding() == 3 << 18);
    CHECK(w.granted() == 300'000 + (1 << 20));
  }
  SECTION("and what is beyond half is granted") {
    CHECK(use(600'000, start + seconds(12)) == 600'000 - (1 << 19));
    CHECK(w.window() == 1 << 19);
  }
}

TEST_CASE("recv_window grants what was consumed, from half of the first window on", "[rules][recv_window]") {
  recv_window w;
  REQUIRE(w.receive(40000, start));
  CHECK_FALSE(w.grant_due());
  w.consume(32767);
  CHECK_FALSE(w.grant_due());
  w.consume(1);
  CHECK(w.grant_due());
  w.consume(7232);
  CHECK(w.grant(start) == 40000);
  CHECK_FALSE(w.grant_due());
  CHECK(w.granted() == 105536);
}

TEST_CASE("recv_window grants ahead what it was enlarged by", "[rules][recv_window]") {
  recv_window w;
  w.resize(4 * initial_window);
  REQUIRE(w.grant_due());
  CHECK(w.grant(start) == 3 * initial_window);
  CHECK(w.outstanding() == 4 * initial_window);
}

TEST_CASE("recv_window of a large window grants from 256 KiB on", "[rules][recv_window]") {
  recv_window w;
  w.resize(4 << 20);
  w.grant(start);
  REQUIRE(w.receive(1 << 20, start));
  w.consume((256 << 10) - 1);
  CHECK_FALSE(w.grant_due());
  w.consume(1);
  CHECK(w.grant_due());
}

TEST_CASE("recv_window totals go beyond 2^33 exactly", "[rules][recv_window]") {
  constexpr std::uint64_t gib = 1u << 30;
  recv_window w;
  w.resize(gib);
  CHECK(w.grant(start) == gib - initial_window);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    REQUIRE(w.receive(gib, start));
    CHECK_FALSE(w.receive(1, start));
    w.consume(gib);
    REQUIRE(w.grant(start) == gib);
    CHECK(w.granted() == (i + 1) * gib);
    CHECK(w.outstanding() == gib);
  }
}

TEST_CASE("recv_window grows only if missing credit stopped the peer and the reader had read all",
          "[rules][recv_window]") {
  recv_window w;
  const auto wants = [&w](std::uint64_t came, std::uint64_t read) {
    REQUIRE(w.receive(came, start));
    w.consume(read);
    return w.desired_window(4 << 20).has_value();
  };
  SECTION("credit left") { CHECK_FALSE(wants(65535, 65535)); }
  SECTION("bytes unread") { CHECK_FALSE(wants(65536, 65535)); }
  SECTION("neither") { CHECK(wants(65536, 65536)); }
  SECTION("asked once for each time") {
    REQUIRE(wants(65536, 65536));
    CHECK_FALSE(w.desired_window(4 << 20).has_value());
  }
  SECTION("while a grant is under way, the credit before it counts") {
    CHECK_FALSE(wants(40000, 40000));
    w.grant(start);
    CHECK(wants(25536, 25536));
  }
}

TEST_CASE("recv_window doubles up to the limit", "[rules][recv_window]") {
  const auto wanted_of = [](std::uint32_t window, std::uint32_t limit) {
    recv_window w;
    w.allow_large(true);
    if (window > initial_window) {
      w.resize(window);
      w.grant(start);
    }
    REQUIRE(w.receive(w.outstanding(), start));
    w.consume(w.unread());
    return w.desired_window(limit).value_or(0);
  };
  CHECK(wanted_of(65536, 4 << 20) == 131072);
  CHECK(wanted_of(131072, 4 << 20) == 262144);
  CHECK(wanted_of(3 << 20, 4 << 20) == 4 << 20);
  CHECK(wanted_of(4 << 20, 4 << 20) == 0);
  CHECK(wanted_of(65536, 65536) == 0);
  CHECK(wanted_of(1 << 19, 4 << 20) == small_path_cap);
  CHECK(wanted_of(small_path_cap, 4 << 20) == 2 * small_path_cap);
  CHECK(wanted_of(1u << 30, 1u << 30) == 0);
}

TEST_CASE("recv_window over a link", "[rules][recv_window]") {
  struct row {
    const char* name;
    circuit on;
    windows expected;
  };
  const windows near{1 << 16, 1 << 17, 1 << 18, 1 << 19, small_path_cap};
  windows all = near;
  for (const std::uint32_t larger : {2 * small_path_cap, 4 * small_path_cap, 4u << 20}) all.push_back(larger);
  const row rows[] = {
      {"a fast reader of a fast peer", {}, all},
      {"a short way", {100, 1u << 30, 1u << 30, 4 << 20, false}, near},
      {"tuning switched off", {100, 1u << 30, 1u << 30, 65536}, {65536}},
      {"a limit that is no power of two", {100, 1u << 30, 1u << 30, 100'000}, {65536, 100'000}},
      {"a slow application", {20, 1u << 30, 1000, 4 << 20}, {65536}},
      {"a very slow application", {20, 1u << 30, 1, 4 << 20}, {65536}},
      {"a peer with little to send", {100, 100, 1u << 30, 4 << 20}, {65536}},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const outcome o = simulate(r.on);
    CHECK(o.within_credit);
    CHECK(o.windows == r.expected);
    for (const duration sample : o.samples) CHECK(sample >= milliseconds(r.on.round_trip));
  }
}

TEST_CASE("recv_window enlarged fills the link", "[rules][recv_window]") {
  const outcome fixed = simulate({100, 1u << 30, 1u << 30, 65536});
  const outcome tuned = simulate({100, 1u << 30, 1u << 30, 4 << 20});
  CHECK(fixed.delivered <= 101 * 65536);
  CHECK(tuned.delivered > 40 * fixed.delivered);
}

TEST_CASE("recv_window samples the round trip of a peer that waits for credit", "[rules][recv_window]") {
  const outcome o = simulate({80, 1u << 30, 1u << 30, 65536});
  REQUIRE(o.samples.size() > 50);
  for (const duration sample : o.samples) CHECK(sample == milliseconds(80));
}

TEST_CASE("recv_window samples from the grant to the first byte that needed it, once",
          "[rules][recv_window]") {
  recv_window w;
  REQUIRE(w.receive(40000, start));
  w.consume(40000);
  w.grant(start);
  REQUIRE(w.receive(25536, start + milliseconds(5)));
  CHECK_FALSE(w.take_sample());
  REQUIRE(w.receive(1, start + milliseconds(30)));
  CHECK(w.take_sample() == milliseconds(30));
  CHECK_FALSE(w.take_sample());
}

TEST_CASE("recv_window times the first of two grants that are under way", "[rules][recv_window]") {
  recv_window w;
  REQUIRE(w.receive(40000, start));
  w.consume(40000);
  w.grant(start);
  w.resize(2 * initial_window);
  w.grant(start + milliseconds(10));
  REQUIRE(w.receive(25536, start + milliseconds(20)));
  REQUIRE(w.receive(1, start + milliseconds(30)));
  CHECK(w.take_sample() == milliseconds(30));
}
