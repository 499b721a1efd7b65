// Rules of a session and of a client pool at the very bounds of their limits.
#include "catch.hpp"
#include "endpoint.hpp"

#include <muxpro/detail/drop_queue.hpp>
#include <muxpro/detail/pool_policy.hpp>

namespace {

using namespace rules_test;
using detail::drop_queue;
using detail::pool_policy;
using std::chrono::nanoseconds;
using std::chrono::seconds;

detail::datagram block_of(std::size_t size) {
  detail::datagram d;
  d.block.resize(size);
  return d;
}

/// What the peer gets after opening a sub-stream and aborting it so much later, three times.
std::string three_aborts_after(const char* wait) {
  session_options o;
  o.premature_end = {1, 0};
  endpoint e(role::server, dialect::spec, o);
  for (const char* id : {"1", "2", "3"}) {
    e.run(std::string("new ") + id);
    e.run(wait);
    e.run(std::string("end ") + id + " 1");
  }
  return e.failed ? "failed" : "goes on";
}

client_pool_options pool_of_eights() {
  client_pool_options o;
  o.max_concurrency = 8;
  o.max_connections = 4;
  o.max_reuse = 10;
  return o;
}

}  // namespace

TEST_CASE("drop_queue is full with as many datagrams, or bytes, as it may hold", "[rules][datagrams]") {
  drop_queue by_count(3, 1000);
  for (int i = 0; i < 3; ++i) CHECK(by_count.push(block_of(0)));
  CHECK_FALSE(by_count.push(block_of(0)));
  CHECK(by_count.size() == 3);
  CHECK(by_count.dropped() == 1);
  by_count.pop();
  CHECK(by_count.push(block_of(0)));

  drop_queue by_bytes(100, 1000);
  CHECK(by_bytes.push(block_of(600)));
  CHECK_FALSE(by_bytes.push(block_of(401)));
  CHECK(by_bytes.push(block_of(400)));
  CHECK(by_bytes.queued_bytes() == 1000);
  CHECK_FALSE(by_bytes.push(block_of(1)));
  CHECK(by_bytes.pop().block.size() == 600);
  CHECK(by_bytes.queued_bytes() == 400);
  CHECK(by_bytes.push(block_of(600)));
}

TEST_CASE("drop_queue takes one datagram of any size", "[rules][datagrams]") {
  drop_queue q(1, 10);
  CHECK(q.push(block_of(1000)));
  CHECK_FALSE(q.push(block_of(0)));
  q.pop();
  CHECK(q.queued_bytes() == 0);
  CHECK(q.empty());
}

TEST_CASE("a window lasts when a grant is used up in ten seconds or more", "[rules][recv_window]") {
  for (const bool lasts : {false, true}) {
    detail::recv_window w;
    w.resize(1 << 20);
    w.grant(start);
    REQUIRE(w.receive(60'000, start + seconds(5)));
    w.consume(60'000);
    w.grant(start + seconds(10) - nanoseconds(lasts ? 0 : 1));
    CHECK((w.window() < 1 << 20) == lasts);
  }
}

TEST_CASE("protocol: an abort a second after the New is not premature", "[rules][protocol]") {
  CHECK(three_aborts_after("wait 999") == "failed");
  CHECK(three_aborts_after("wait 1000") == "goes on");
}

TEST_CASE("protocol: frames for an id whose Ends are both through are late, in either order of Ends",
          "[rules][protocol]") {
  endpoint e(role::client);
  e.run("open");
  CHECK(e.run("abort 1 2") == "> end 1 code 2");
  CHECK(e.run("end 1").empty());
  CHECK(e.run("keep 1 +5") == "odd");
  CHECK(e.run("credit 1 5").empty());
}

TEST_CASE("a pool counts on no more opens of a connection than its max_reuse leaves",
          "[rules][client_pool]") {
  const client_pool_options options = pool_of_eights();
  pool_policy p(options, 1);
  p.waits();
  const auto c = p.next_dial(start);
  REQUIRE(c);
  REQUIRE(p.connected(*c, start));
  p.waited();
  for (int i = 0; i < 9; ++i) {
    REQUIRE(p.pick() == c);
    CHECK_FALSE(p.opened(*c));
    p.stream_gone(*c, start, false);
  }
  p.waits();
  CHECK_FALSE(p.next_dial(start));
  p.waits();
  CHECK(p.next_dial(start));
}

TEST_CASE("a pool does not wait for its backoff once a dial has succeeded", "[rules][client_pool]") {
  const client_pool_options options = pool_of_eights();
  pool_policy p(options, 1);
  for (int i = 0; i < 16; ++i) p.waits();
  const auto fails = p.next_dial(start), succeeds = p.next_dial(start);
  REQUIRE(fails);
  REQUIRE(succeeds);
  p.dial_failed(*fails, start);
  CHECK_FALSE(p.next_dial(start));
  REQUIRE(p.connected(*succeeds, start));
  CHECK(p.next_dial(start));
}
