// Which of its two sizes a relay's buffer has, and when its memory is worth
// handing on.
#include "catch.hpp"

#include <muxpro/detail/relay_buffer.hpp>

namespace {

using muxpro::detail::relay_buffer;

constexpr std::size_t large_size = 8192, small_size = 2048;

/// A read of `n` bytes, which are consumed at once.
void pass(relay_buffer& b, std::size_t n) {
  b.room();
  b.filled(n);
  b.consume(n);
}

}  // namespace

TEST_CASE(
    "relay_buffer is large from a read that fills it until one that fits "
    "half of the small one",
    "[relay]") {
  relay_buffer b(large_size);
  CHECK(b.room().size() == small_size);
  pass(b, 1);
  CHECK(b.room().size() == small_size);
  pass(b, small_size - 1);
  CHECK(b.room().size() == small_size);
  pass(b, small_size);
  CHECK(b.room().size() == large_size);
  pass(b, small_size / 2 + 1);
  CHECK(b.room().size() == large_size);
  pass(b, small_size / 2);
  CHECK(b.room().size() == small_size);
}

TEST_CASE("relay_buffer is no larger than a read may be", "[relay]") {
  relay_buffer b(100);
  CHECK(b.room().size() == 100);
}

TEST_CASE(
    "relay_buffer is worth handing on with more bytes than a copy of the "
    "small size",
    "[relay]") {
  relay_buffer b(large_size);
  b.room();
  b.filled(small_size);
  CHECK_FALSE(b.should_swap());  // no memory of its own
  b.consume(small_size);
  for (const std::size_t n : {small_size, small_size + 1}) {
    b.room();
    b.filled(n);
    CHECK(b.should_swap() == (n > small_size));
    b.consume(n);
  }
}
