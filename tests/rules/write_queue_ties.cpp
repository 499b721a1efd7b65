// Levels whose clocks are equal, and frames that weigh nothing but their header.
#include "catch.hpp"

#include <muxpro/detail/write_queue.hpp>

namespace {

using muxpro::detail::write_queue;

struct tied : write_queue::source {
  explicit tied(std::uint8_t p) { priority = p; }
};

/// Sends a frame of `size` bytes of the next sub-stream, which is returned and not queued again.
tied* send_next(write_queue& q, std::size_t size) {
  auto* const s = static_cast<tied*>(q.pop_data());
  if (s) q.charge(*s, size);
  return s;
}

}  // namespace

TEST_CASE("write_queue serves the favoured level first if the clocks are equal", "[rules][write_queue]") {
  write_queue q;
  tied favoured(0), middle(7), last(255);
  q.push_data(last);
  q.push_data(middle);
  q.push_data(favoured);
  CHECK(send_next(q, 0) == &favoured);
  CHECK(send_next(q, 0) == &middle);
  CHECK(send_next(q, 0) == &last);
}

TEST_CASE("write_queue charges a frame without payload", "[rules][write_queue]") {
  write_queue q;
  tied empty(0), full(255);
  q.push_data(empty);
  q.push_data(full);
  int frames_of_full = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto* const s = static_cast<tied*>(q.pop_data());
    q.charge(*s, s == &full ? 1000 : 0);
    q.push_data(*s);
    frames_of_full += s == &full;
  }
  // A frame of 1000 bytes at priority 255 costs as much as 8008 empty ones at priority 0.
  CHECK(frames_of_full == 3);
}

TEST_CASE("write_queue ends a batch for a level that ran dry only if it is ahead", "[rules][write_queue]") {
  // One byte at priority 255 moves the clock of its level by 16, as 15 bytes do at priority 0.
  for (const std::size_t size : {14u, 15u, 16u}) {
    INFO(size);
    write_queue q;
    tied favoured(0), other(255);
    q.push_data(favoured);
    q.push_data(other);
    q.begin_batch();
    REQUIRE(send_next(q, size) == &favoured);
    REQUIRE(send_next(q, 1) == &other);
    q.push_data(other);
    CHECK(q.favoured_ran_dry() == (size == 14));
  }
}

TEST_CASE("write_queue looks at the levels of this batch alone", "[rules][write_queue]") {
  write_queue q;
  tied favoured(0), other(255);
  q.push_data(favoured);
  q.push_data(other);
  q.begin_batch();
  REQUIRE(send_next(q, 1) == &favoured);
  CHECK(q.favoured_ran_dry() == false);  // the other one's clock has not moved
  REQUIRE(send_next(q, 100) == &other);
  q.push_data(other);
  CHECK(q.favoured_ran_dry());
  q.begin_batch();
  CHECK_FALSE(q.favoured_ran_dry());
}
