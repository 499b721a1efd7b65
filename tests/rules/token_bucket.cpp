// token_bucket, with explicit times.
#include "catch.hpp"
#include "start.hpp"

#include <muxpro/detail/token_bucket.hpp>

using namespace muxpro;
using detail::token_bucket;
using rules_test::start;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

int taken(token_bucket& b, time_point now, int attempts) {
  int n = 0;
  for (int i = 0; i < attempts; ++i) n += b.take(now) ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("token_bucket gives its burst, then its rate", "[rules][token_bucket]") {
  token_bucket b({5, 2});
  CHECK(taken(b, start, 10) == 5);
  CHECK(taken(b, start + milliseconds(499), 10) == 0);
  CHECK(taken(b, start + milliseconds(500), 10) == 1);
  CHECK(taken(b, start + seconds(2), 10) == 3);
  CHECK(taken(b, start + seconds(1000), 10) == 5);
}

TEST_CASE("token_bucket weighs, and takes nothing if it refuses", "[rules][token_bucket]") {
  token_bucket b({25, 10});
  CHECK(b.take(start, 10));
  CHECK(b.take(start, 10));
  CHECK_FALSE(b.take(start, 10));
  CHECK(taken(b, start, 10) == 5);
  CHECK_FALSE(b.take(start + milliseconds(900), 10));
  CHECK(b.take(start + seconds(1), 10));
}

TEST_CASE("token_bucket gathers fractions over many small steps", "[rules][token_bucket]") {
  token_bucket b({10, 10});
  taken(b, start, 10);
  int n = 0;
  for (int ms = 1; ms <= 10'000; ++ms) n += taken(b, start + milliseconds(ms), 1);
  CHECK(n >= 99);
  CHECK(n <= 100);
}

TEST_CASE("token_bucket without a rate never refills, without a burst never gives", "[rules][token_bucket]") {
  token_bucket once({3, 0});
  CHECK(taken(once, start, 10) == 3);
  CHECK(taken(once, start + std::chrono::hours(1000), 10) == 0);
  token_bucket never({0, 1000});
  CHECK(taken(never, start, 10) == 0);
  CHECK(taken(never, start + seconds(1000), 10) == 0);
}

TEST_CASE("token_bucket gains nothing from a clock that goes back", "[rules][token_bucket]") {
  token_bucket b({10, 10});
  CHECK(taken(b, start + seconds(10), 20) == 10);
  CHECK(taken(b, start + seconds(9), 20) == 0);
  CHECK(taken(b, start + seconds(10), 20) == 0);  // this second was paid out before
  CHECK(taken(b, start, 20) == 0);
  CHECK(taken(b, start + milliseconds(10'500), 20) == 5);
}

TEST_CASE("token_bucket takes a weight that is all it has", "[rules][token_bucket]") {
  token_bucket b({10, 1});
  CHECK_FALSE(b.take(start, 10.5));
  CHECK(b.take(start, 10));
  CHECK_FALSE(b.take(start));
}
