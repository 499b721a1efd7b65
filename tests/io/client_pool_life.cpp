// Client pools: how connections come to their end, and how the pool does.
#include "pool_support.hpp"

using namespace io_test;

TEST_CASE("a connection is replaced after max_reuse sub-streams and drains", "[client_pool]") {
  auto options = pool_options(8);
  options.max_reuse = 3;
  farm f(options);
  for (outcome* o : f.open_many(3)) {
    f.settle();
    CHECK(o->is(no_error));
  }
  CHECK(f.dials == 1);
  CHECK(f.pool.stats().draining == 1);
  CHECK(f.pool.stats().connections == 0);
  outcome& next = f.open();
  f.settle();
  CHECK(next.is(no_error));
  CHECK(f.dials == 2);
  CHECK(f.echoes(f.outcomes[0]->stream));
  CHECK(f.echoes(next.stream));
  for (int i = 0; i < 3; ++i) f.outcomes[static_cast<std::size_t>(i)]->stream = sub_stream();
  f.settle();
  CHECK(f.pool.stats().draining == 0);
  CHECK(f.hosts[0]->ended->has_value());
  CHECK_FALSE(f.hosts[1]->ended->has_value());
  CHECK(f.pool.stats().retired == 1);
}

TEST_CASE("opens go on without a gap over many replaced connections", "[client_pool]") {
  auto options = pool_options(4);
  options.max_reuse = 10;
  farm f(options);
  for (int n = 0; n < 300; ++n) {
    outcome& o = f.open();
    f.settle();
    REQUIRE(o.is(no_error));
    CHECK(f.echoes(o.stream));
    f.outcomes.clear();
  }
  f.settle();
  CHECK(f.dials == 30);
  CHECK(f.pool.stats().opened == 300);
  CHECK(f.pool.stats().reused == 270);
  CHECK(f.pool.stats().connections_lost == 0);
  for (std::size_t n = 0; n < 29; ++n) CHECK(f.hosts[n]->ended->has_value());
}

TEST_CASE("a connection is replaced after max_age and its sub-streams go on", "[client_pool]") {
  auto options = pool_options();
  options.max_age = 100s;
  options.session.keep_alive_interval = 0s;
  farm f(options);
  outcome& old = f.open();
  f.advance(89s);
  f.open();
  f.settle();
  CHECK(f.dials == 1);
  f.advance(11s);
  outcome& fresh = f.open();
  f.settle();
  CHECK(fresh.is(no_error));
  CHECK(f.dials == 2);
  CHECK(f.echoes(old.stream));
}

TEST_CASE("an idle connection is closed, the others after a burst, too", "[client_pool]") {
  auto options = pool_options(2);
  options.idle_timeout = 30s;
  farm f(options);
  f.open_many(6);
  f.settle();
  CHECK(f.pool.stats().connections == 3);
  f.outcomes.clear();
  f.settle();
  for (int n = 0; n < 5; ++n) {
    f.advance(10s);
    outcome& o = f.open();
    f.settle();
    CHECK(f.echoes(o.stream));
    f.outcomes.clear();
    f.settle();
  }
  CHECK(f.pool.stats().connections == 1);
  CHECK(f.dials == 3);
  f.advance(30s);
  CHECK(f.pool.stats().connections == 0);
  for (const auto& h : f.hosts) CHECK(h->ended->has_value());
}

TEST_CASE("sub-streams of a killed server end with an error and the next open dials anew", "[client_pool]") {
  farm f(pool_options(2));
  f.open_many(4);
  f.advance(5s);
  CHECK(f.dials == 2);
  f.hosts[0]->server.close();
  CHECK(f.end_of(f.outcomes[0]->stream) == asio::error::connection_reset);
  CHECK(f.end_of(f.outcomes[2]->stream) == asio::error::connection_reset);
  CHECK(f.echoes(f.outcomes[1]->stream));
  CHECK(f.pool.stats().connections == 1);
  CHECK(f.pool.stats().connections_lost == 1);
  outcome& next = f.open();
  f.settle();
  CHECK(next.is(no_error));
  CHECK(f.dials == 3);
  CHECK(f.echoes(next.stream));
}

TEST_CASE("an open just after the server has died goes to a new connection or breaks with the old one",
          "[client_pool]") {
  std::uint64_t retries = 0;
  std::size_t late = 0;
  for (std::size_t steps = 0; late < 5; ++steps) {
    farm f(pool_options(8));
    f.open();
    f.advance(5s);
    f.hosts[0]->server.close();
    f.context.restart();
    for (std::size_t n = 0; n < steps; ++n) late += f.context.poll_one() == 0;
    outcome& o = f.open();
    f.settle();
    REQUIRE(o.is(no_error));
    const bool works = f.echoes(o.stream);
    CHECK(works == (f.dials == 2));
    if (!works) CHECK(f.end_of(o.stream) == asio::error::connection_reset);
    retries += f.pool.stats().retries;
  }
  CHECK(retries > 0);
}

TEST_CASE("a pool that drains cancels the dials that are under way", "[client_pool]") {
  farm f;
  f.behaviour = dial_behaviour::hangs;
  f.open();
  f.settle();
  CHECK(f.in_flight == 1);
  outcome drained;
  f.pool.async_drain(into(drained));
  f.settle();
  CHECK(f.in_flight == 0);
  CHECK(drained.is(no_error));
  CHECK(f.outcomes[0]->is(errc::draining));
}

TEST_CASE("a server that drains is left alone", "[client_pool]") {
  farm f(pool_options(8));
  outcome& old = f.open();
  f.advance(5s);
  bool drained = false;
  f.hosts[0]->server.async_drain([&drained](error_code) { drained = true; });
  int refused = 0;
  for (; f.dials == 1; ++refused) {
    outcome& o = f.open();
    f.settle();
    REQUIRE(o.is(no_error));
    if (f.dials > 1) break;
    CHECK(f.end_of(o.stream) == end_code::resources);
    o.stream = sub_stream();
    f.settle();
  }
  CHECK(refused == 3);
  CHECK(f.echoes(f.outcomes.back()->stream));
  CHECK(f.echoes(old.stream));
  old.stream = sub_stream();
  f.settle();
  CHECK(drained);
}

TEST_CASE("close() ends every operation, and completes no handler inside the call", "[client_pool]") {
  auto options = pool_options(1);
  options.max_connections = 2;
  farm f(options);
  f.open();
  f.settle();
  f.dial_time = 1s;
  f.open_many(2);
  f.settle();
  outcome drained;
  f.pool.async_drain(into(drained));
  f.settle();
  CHECK(f.outcomes[1]->is(errc::draining));
  CHECK(f.outcomes[2]->is(errc::draining));
  CHECK_FALSE(drained.done());
  f.pool.close();
  CHECK_FALSE(drained.done());
  f.settle();
  CHECK(drained.is(errc::pool_exhausted));
  CHECK(f.end_of(f.outcomes[0]->stream) == errc::session_closed);
  CHECK(f.in_flight == 0);
  outcome& late = f.open();
  f.pool.async_drain(into(drained));
  f.settle();
  CHECK(late.is(errc::pool_exhausted));
  CHECK(drained.calls == 2);
  CHECK(f.clock.next_expiry() == time_point::max());
}

TEST_CASE("close() while dials are under way and opens wait", "[client_pool]") {
  farm f(pool_options(1));
  f.dial_time = 1s;
  const auto opens = f.open_many(3);
  f.advance(10ms);
  f.pool.close();
  f.settle();
  for (outcome* o : opens) CHECK(o->is(errc::pool_exhausted));
  CHECK(f.in_flight == 0);
}

TEST_CASE("a pool drains: no new sub-streams, connections closed after the last old one", "[client_pool]") {
  farm f(pool_options(2));
  f.open_many(3);
  f.settle();
  outcome drained, second;
  f.pool.async_drain(into(drained));
  f.pool.async_drain(into(second));
  f.settle();
  outcome& late = f.open();
  f.settle();
  CHECK(late.is(errc::draining));
  CHECK(f.echoes(f.outcomes[0]->stream));
  f.outcomes[0]->stream = sub_stream();
  f.outcomes[1]->stream = sub_stream();
  f.settle();
  CHECK_FALSE(drained.done());
  f.outcomes[2]->stream = sub_stream();
  f.settle();
  CHECK(drained.is(no_error));
  CHECK(second.is(no_error));
  for (const auto& h : f.hosts) CHECK(h->ended->has_value());
}

TEST_CASE("draining may be given up, and an empty pool has drained at once", "[client_pool]") {
  farm f;
  outcome empty;
  {
    farm other;
    other.pool.async_drain(into(empty));
    other.settle();
    CHECK(empty.is(no_error));
  }
  f.open();
  f.settle();
  asio::cancellation_signal stop;
  outcome drained;
  f.pool.async_drain(into(drained, stop));
  stop.emit(asio::cancellation_type::terminal);
  f.settle();
  CHECK(drained.is(asio::error::operation_aborted));
  outcome& late = f.open();
  f.settle();
  CHECK(late.is(errc::draining));
}

TEST_CASE("sub-streams outlive their pool, closed", "[client_pool]") {
  farm f;
  f.open();
  f.settle();
  f.pool = client_pool();
  f.settle();
  CHECK(f.end_of(f.outcomes[0]->stream) == errc::session_closed);
  f.outcomes.clear();
  f.settle();
}
