#include "catch.hpp"

#include <muxpro/detail/byte_ring.hpp>

#include <cstring>
#include <random>
#include <span>
#include <vector>

namespace {

using muxpro::detail::byte_ring;

std::vector<std::byte> pattern(std::size_t n, std::size_t from = 0) {
  std::vector<std::byte> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>((from + i) * 31 >> 2);
  return out;
}

std::vector<std::byte> popped(byte_ring& ring, std::size_t n) {
  std::vector<std::byte> out(n);
  out.resize(ring.pop(out));
  return out;
}

}  // namespace

TEST_CASE("a byte ring gives bytes back in order and holds no memory when empty", "[byte_ring]") {
  byte_ring ring;
  CHECK(ring.empty());
  CHECK(ring.allocated() == 0);
  CHECK(ring.peek().empty());
  CHECK(popped(ring, 10).empty());
  ring.push({});
  CHECK(ring.allocated() == 0);

  ring.push(pattern(100));
  CHECK(ring.size() == 100);
  CHECK(ring.allocated() == 1024);
  CHECK(popped(ring, 40) == pattern(40));
  CHECK(popped(ring, 0).empty());
  CHECK(popped(ring, 1000) == pattern(60, 40));
  CHECK(ring.empty());
  CHECK(ring.allocated() == 0);
}

TEST_CASE("a byte ring wraps around without growing", "[byte_ring]") {
  byte_ring ring;
  ring.push(pattern(1000));
  ring.consume(900);
  ring.push(pattern(900, 1000));
  CHECK(ring.allocated() == 1024);
  CHECK(ring.size() == 1000);
  CHECK(ring.peek().size() == 124);
  CHECK(popped(ring, 1000) == pattern(1000, 900));
}

TEST_CASE("a wrapped byte ring grows and consumes across the seam", "[byte_ring]") {
  byte_ring ring;
  ring.push(pattern(1024));
  ring.consume(1000);
  ring.push(pattern(1000, 1024));
  ring.push(pattern(5000, 2024));
  CHECK(ring.allocated() == 8192);
  ring.consume(3000);
  CHECK(popped(ring, 9999) == pattern(3024, 4000));
}

TEST_CASE("a byte ring that has drained shrinks before it is empty", "[byte_ring]") {
  byte_ring ring;
  ring.push(pattern(1 << 20));
  CHECK(ring.allocated() == 1 << 20);
  for (std::size_t left = 1 << 20; left > 1; left -= left / 3 + 1) {
    ring.consume(left / 3 + 1);
    REQUIRE(ring.allocated() <= std::max<std::size_t>(1024, 8 * ring.size()));
  }
}

TEST_CASE("clear drops bytes and memory", "[byte_ring]") {
  byte_ring ring;
  ring.push(pattern(3000));
  ring.clear();
  CHECK(ring.empty());
  CHECK(ring.allocated() == 0);
  ring.push(pattern(5));
  CHECK(popped(ring, 5) == pattern(5));
}

TEST_CASE("a byte ring is a queue", "[byte_ring]") {
  std::mt19937 random(1);
  const auto all = pattern(16 << 20);
  byte_ring ring;
  std::size_t written = 0, taken = 0;  // of `all`
  const auto is_next = [&](std::span<const std::byte> bytes) {
    return bytes.empty() || std::memcmp(bytes.data(), &all[taken], bytes.size()) == 0;
  };
  for (int step = 0; step < 200000; ++step) {
    // The balance tips over slowly, so that the ring is at times empty and at times large.
    const bool filling = step / 1000 % 2 == 0;
    const std::size_t n = random() % (random() % 20 == 0 ? 3000 : 50);
    if (random() % 10 < (filling ? 6u : 4u)) {
      ring.push(std::span(all).subspan(written, n));
      written += n;
    } else {
      const std::size_t expected = std::min(n, written - taken);
      if (random() % 2 == 0) {
        const auto out = popped(ring, n);
        REQUIRE(out.size() == expected);
        REQUIRE(is_next(out));
      } else {
        REQUIRE(is_next(ring.peek()));
        ring.consume(expected);
      }
      taken += expected;
    }
    REQUIRE(ring.size() == written - taken);
    REQUIRE((ring.allocated() == 0) == (written == taken));
  }
}
