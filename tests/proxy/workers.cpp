// Where connections go that a proxy with several threads accepts.
#include "catch.hpp"

#include <muxpro/proxy/workers.hpp>

#include <cstdint>
#include <deque>
#include <vector>

using muxpro::proxy::workers;

TEST_CASE("connections spread over the threads", "[proxy][workers]") {
  const std::uint32_t lead = GENERATE(0u, 1u);
  workers threads(3, lead);
  std::vector<workers::seat> seats;
  std::vector<std::size_t> taken(threads.size());
  for (std::size_t i = 0; i < 30; ++i) {
    seats.push_back(threads.take_seat());
    ++taken[seats.back().worker()];
  }
  for (const std::size_t n : taken) {
    CHECK(n >= 10 - lead);
    CHECK(n <= 10 + lead);
  }
}

TEST_CASE("connections that follow each other stay on the first thread", "[proxy][workers]") {
  workers threads(2, 1);
  std::deque<workers::seat> seats;
  for (int i = 0; i < 5; ++i) {
    seats.push_back(threads.take_seat());
    CHECK(seats.back().worker() == 0);
    if (i > 0) seats.pop_front();
  }
}
