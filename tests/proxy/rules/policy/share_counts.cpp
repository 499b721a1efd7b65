// How many each user has at a time.
#include "catch.hpp"

#include "proxy/policy/share_counts.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace {

using muxpro::proxy::share_counts;

TEST_CASE("share_counts: each user has so many at a time", "[proxy][shares]") {
  const auto counts = std::make_shared<share_counts>();
  std::vector<share_counts::one> held;
  for (int i = 0; i < 3; ++i) held.push_back(counts->take("a", 3).value());
  CHECK_FALSE(counts->take("a", 3));
  CHECK(counts->take("b", 3));
  CHECK(counts->take("a", 4));
  held.pop_back();
  CHECK(counts->take("a", 3));
  held.clear();
  CHECK_FALSE(counts->take("a", 0));
}

TEST_CASE("share_counts: one that is taken outlives its owner", "[proxy][shares]") {
  auto counts = std::make_shared<share_counts>();
  auto one = counts->take("a", 1);
  auto moved = std::move(*one);
  one.reset();
  CHECK_FALSE(counts->take("a", 1));
  counts.reset();
}

}  // namespace
