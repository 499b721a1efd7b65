// How long connections that carry others are used again.
#include "catch.hpp"

#include "proxy/policy/reuse.hpp"

namespace reuse_test {

using namespace muxpro;
using namespace muxpro::proxy;
using std::chrono::seconds;

namespace {

constexpr time_point begin = time_point() + seconds(1000);

std::uint32_t highest(const number_range& r) { return r.most; }

reuse_state state_of(const reuse_limits& l) { return reuse_state(l, begin, highest); }

}  // namespace

TEST_CASE("a connection without limits is used for ever", "[proxy][policy]") {
  reuse_state s = state_of({});
  for (int i = 0; i < 1000; ++i) {
    s.begin();
    s.count_request();
  }
  CHECK_FALSE(s.is_full());
  CHECK_FALSE(s.is_spent(begin + seconds(1'000'000)));
}

TEST_CASE("a connection is spent after its uses, its requests or its time", "[proxy][policy]") {
  reuse_limits uses, requests, time;
  uses.uses = {1, 2};
  requests.requests = {1, 2};
  time.seconds = {1, 2};
  reuse_state a = state_of(uses), b = state_of(requests), c = state_of(time);
  a.begin();
  b.count_request();
  CHECK_FALSE(a.is_spent(begin));
  CHECK_FALSE(b.is_spent(begin));
  a.end();
  a.begin();
  b.count_request();
  CHECK(a.is_spent(begin));
  CHECK(b.is_spent(begin));
  CHECK(a.takes_requests(begin));  // of its last use
  CHECK_FALSE(b.takes_requests(begin));
  CHECK_FALSE(c.is_spent(begin + seconds(1)));
  CHECK(c.takes_requests(begin + seconds(1)));
  CHECK(c.is_spent(begin + seconds(2)));
  CHECK_FALSE(c.takes_requests(begin + seconds(2)));
}

TEST_CASE("a connection is full with its uses at a time", "[proxy][policy]") {
  reuse_limits l;
  l.concurrency = {2, 2};
  reuse_state s = state_of(l);
  s.begin();
  CHECK_FALSE(s.is_full());
  s.begin();
  CHECK(s.is_full());
  s.end();
  CHECK_FALSE(s.is_full());
  CHECK(s.is_used());
}

}  // namespace reuse_test
