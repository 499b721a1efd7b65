// Client pools whose dials fail: which opens fail, and when the next dial begins.
#include "pool_support.hpp"

#include <cmath>

using namespace io_test;

namespace {

double seconds(duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

TEST_CASE("a failed dial fails its opens at once, each with the reason", "[client_pool]") {
  struct {
    dial_behaviour behaviour;
    error_code expected;
  } const cases[] = {
      {dial_behaviour::refused, asio::error::connection_refused},
      {dial_behaviour::silent, errc::connection_lost},
      {dial_behaviour::throws, make_error_code(errc::dial_failed)},
  };
  for (const auto& c : cases) {
    farm f;
    f.behaviour = c.behaviour;
    const auto opens = f.open_many(3);
    f.settle();
    for (outcome* o : opens) CHECK(o->is(c.expected));
    CHECK(f.dials == 1);
    CHECK(f.pool.stats().dial_failures == 1);
    CHECK(f.pool.stats().connections == 0);
  }
}

TEST_CASE("opens in the pause wait for one dial, and share its fate", "[client_pool]") {
  farm f;
  f.behaviour = dial_behaviour::refused;
  f.open();
  f.settle();
  std::vector<double> pauses;
  for (int n = 0; n < 10; ++n) {
    const auto opens = f.open_many(20);
    f.settle();
    for (outcome* o : opens) REQUIRE_FALSE(o->done());
    const duration pause = f.clock.next_expiry() - f.clock.now();
    f.advance(pause - 1ns);
    CHECK(f.dials == static_cast<std::size_t>(n) + 1);
    f.advance(1ns);
    CHECK(f.dials == static_cast<std::size_t>(n) + 2);
    for (outcome* o : opens) CHECK(o->is(asio::error::connection_refused));
    pauses.push_back(seconds(pause));
  }
  CHECK(f.most_in_flight == 1);
  for (std::size_t n = 0; n < pauses.size(); ++n) {
    const double least = std::min(0.1 * std::exp2(n), 15.0);
    CHECK(pauses[n] >= Approx(least));
    CHECK(pauses[n] <= Approx(std::min(2 * least, 30.0)));
  }
}

TEST_CASE("a pool recovers with as many dials as it needs then", "[client_pool]") {
  farm f(pool_options(8));
  f.behaviour = dial_behaviour::refused;
  f.open();
  f.settle();
  f.behaviour = dial_behaviour::works;
  f.dial_time = 1ms;
  const auto opens = f.open_many(32);
  f.advance(1s);
  for (outcome* o : opens) CHECK(o->is(no_error));
  CHECK(f.dials == 5);
  CHECK(f.most_in_flight == 3);  // one to see, three for the rest
}

TEST_CASE("N opens that need k connections start k dials", "[client_pool]") {
  for (const std::size_t n : {1u, 7u, 8u, 9u, 24u, 25u}) {
    farm f(pool_options(8));
    f.dial_time = 1s;
    f.open_many(n / 2);
    f.advance(10ms);
    f.open_many(n - n / 2);
    f.advance(10ms);
    CHECK(f.in_flight == (n + 7) / 8);
    f.advance(1s);
    CHECK(f.dials == (n + 7) / 8);
  }
}

TEST_CASE("a failed dial leaves those alone that another connection serves", "[client_pool]") {
  farm f(pool_options(2));
  f.dial_time = 1s;
  f.open_many(2);
  f.advance(1s);
  f.open_many(4);
  f.advance(500ms);
  CHECK(f.in_flight == 2);
  f.behaviour = dial_behaviour::refused;  // decided when a dial ends
  f.advance(500ms);
  for (std::size_t i = 2; i < 6; ++i) CHECK(f.outcomes[i]->is(asio::error::connection_refused));
  CHECK(f.echoes(f.outcomes[0]->stream));
  outcome& waits = f.open();
  f.settle();
  CHECK_FALSE(waits.done());
  f.outcomes[1]->stream = sub_stream();
  f.settle();
  CHECK(waits.is(no_error));
}

TEST_CASE("a dial that takes too long is cancelled", "[client_pool]") {
  auto options = pool_options();
  options.dial_timeout = 5s;
  farm f(options);
  f.behaviour = dial_behaviour::hangs;
  outcome& o = f.open();
  f.advance(5s - 1ns);
  CHECK_FALSE(o.done());
  CHECK(f.in_flight == 1);
  f.advance(1ns);
  CHECK(o.is(asio::error::timed_out));
  CHECK(f.in_flight == 0);
  CHECK(f.pool.stats().dial_failures == 1);
  f.behaviour = dial_behaviour::works;
  outcome& next = f.open();
  f.settle();
  CHECK_FALSE(next.done());
  f.advance(200ms);
  CHECK(next.is(no_error));
}

TEST_CASE("a dial that cannot be cancelled keeps its place until it is over", "[client_pool]") {
  auto options = pool_options();
  options.dial_timeout = 5s;
  options.max_connections = 1;
  farm f(options);
  f.behaviour = dial_behaviour::stubborn;
  outcome& o = f.open();
  f.advance(5s);
  CHECK(o.is(asio::error::timed_out));
  CHECK(f.in_flight == 1);
  f.behaviour = dial_behaviour::works;
  outcome& next = f.open();
  f.advance(50s);
  CHECK_FALSE(next.done());
  f.advance(10s);
  CHECK(next.is(no_error));
  CHECK(f.dials == 2);
  CHECK(f.pool.stats().dial_failures == 1);
}

TEST_CASE("a negotiation that hangs is a dial that takes too long", "[client_pool]") {
  asio::io_context context;
  manual_clock clock(context);
  auto wire = make_pipe(context.get_executor());
  auto options = pool_options();
  options.dial_timeout = 3s;
  struct once {
    pipe_end* end;
    static awaitable<pipe_end> give(pipe_end* e) { co_return std::move(*e); }
    awaitable<pipe_end> operator()() const { return give(end); }
  };
  client_pool pool(context.get_executor(), once{&wire.first}, options);
  outcome o;
  pool.async_open(to_tcp(), into(o));
  clock.run_for(context, 3s);
  CHECK(o.is(asio::error::timed_out));
}

namespace {

awaitable<session> own_session(asio::any_io_executor executor, std::vector<session>& servers) {
  auto [near, far] = make_pipe(executor);
  servers.emplace_back(std::move(far), role::server);
  run_in_background(servers.back());
  spawn(executor, serve_echo(servers.back()));
  session_options options;
  options.versions = {version_0_0};
  co_return session(std::move(near), role::client, options);
}

}  // namespace

TEST_CASE("a dialer may make the sessions itself", "[client_pool]") {
  asio::io_context context;
  std::vector<session> servers;
  servers.reserve(2);
  const auto executor = context.get_executor();
  client_pool pool(executor, [&] { return own_session(executor, servers); });
  auto stream = test::run(context, pool.async_open(to_tcp(), asio::use_awaitable));
  CHECK(servers.at(0).negotiated() == version_0_0);
  spawn(context, write_text(stream, "ping"));
  CHECK(test::run(context, read_text(stream, 4)) == "ping");
}

TEST_CASE("a server that takes connections and drops them is not dialled in a loop", "[client_pool]") {
  farm f(pool_options(), [](sub_stream s) { return discard(std::move(s)); });
  std::size_t last = 0;
  duration slept{};
  for (int n = 0; n < 8; ++n) {
    outcome& o = f.open();
    f.settle();
    while (!o.done()) {
      const duration pause = f.clock.next_expiry() - f.clock.now();
      slept += pause;
      f.advance(pause);
    }
    CHECK(f.dials <= last + 1);
    last = f.dials;
    f.hosts.back()->server.close();
    f.settle();
    CHECK(f.pool.stats().connections == 0);
  }
  CHECK(f.dials == 8);
  CHECK(slept >= 100ms + 200ms + 400ms + 800ms + 1600ms + 3200ms + 6400ms);
}
