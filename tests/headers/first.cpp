// Two translation units with the whole library in each: what is not inline fails to link, and what is inline
// must be one object in both.
#include "catch.hpp"
#include "seen.hpp"

#include <muxpro.hpp>

seen seen_from_first() { return {&muxpro::error_category(), &muxpro::end_category()}; }

TEST_CASE("two translation units share one library header-only", "[headers]") {
  CHECK(seen_from_first().errors == seen_from_second().errors);
  CHECK(seen_from_first().ends == seen_from_second().ends);
}
