// Client pools: how opens are shared out over connections.
#include "pool_support.hpp"

using namespace io_test;

namespace {

std::uint32_t streams_of(const host& h) { return h.server.stats().streams; }

}  // namespace

TEST_CASE("a pool dials for its first open and shares the connection", "[client_pool]") {
  farm f(pool_options(3));
  CHECK(f.dials == 0);
  outcome& first = f.open();
  CHECK_FALSE(first.done());
  f.settle();
  REQUIRE(first.is(no_error));
  CHECK(f.echoes(first.stream));
  outcome& second = f.open();
  CHECK_FALSE(second.done());
  f.settle();
  REQUIRE(second.is(no_error));
  CHECK(f.echoes(second.stream));
  CHECK(f.dials == 1);
  const client_pool_stats s = f.pool.stats();
  CHECK((s.connections == 1 && s.streams == 2 && s.dials == 1 && s.opened == 2 && s.reused == 1));
  CHECK((s.waiting == 0 && s.dialing == 0 && s.dial_failures == 0 && s.retries == 0));
}

TEST_CASE("a pool keeps its context running no longer than it has connections", "[client_pool]") {
  farm f;
  f.context.restart();
  f.context.poll();
  CHECK(f.context.stopped());
  f.open();
  f.settle();
  f.outcomes.clear();
  f.advance(61s);
  CHECK(f.pool.stats().connections == 0);
  f.hosts.clear();
  f.context.restart();
  f.context.poll();
  CHECK(f.context.stopped());
  f.open();
  f.settle();
  CHECK(f.outcomes.back()->is(no_error));
}

TEST_CASE("a thousand opens need a connection for each eight", "[client_pool]") {
  farm f(pool_options(8));
  f.dial_time = 20ms;
  const auto opens = f.open_many(1000);
  f.advance(10ms);
  CHECK(f.dials == 125);
  CHECK(f.in_flight == 125);
  CHECK(f.pool.stats().waiting == 1000);
  f.advance(20ms);
  CHECK(f.dials == 125);
  for (outcome* o : opens) REQUIRE(o->is(no_error));
  for (outcome* o : opens) CHECK(f.echoes(o->stream));
  for (const auto& h : f.hosts) CHECK(streams_of(*h) == 8);
  CHECK(f.pool.stats().streams == 1000);
  CHECK(f.pool.stats().connections == 125);
}

TEST_CASE("a thousand opens wait their turn where ten connections are allowed", "[client_pool]") {
  auto options = pool_options(8);
  options.max_connections = 10;
  farm f(options);
  const auto opens = f.open_many(1000);
  f.settle();
  CHECK(f.dials == 10);
  std::size_t served = 0;
  for (; served < 1000; ++served) {
    REQUIRE(opens[served]->is(no_error));
    if (served + 80 < 1000) CHECK_FALSE(opens[served + 80]->done());
    for (const auto& h : f.hosts) CHECK(streams_of(*h) <= 8);
    opens[served]->stream = sub_stream();
    f.settle();
  }
  CHECK(f.dials == 10);
  CHECK(f.pool.stats().opened == 1000);
  CHECK(f.pool.stats().streams == 0);
}

TEST_CASE("thousands of sub-streams fit on one connection", "[client_pool]") {
  farm f(pool_options(3000), [](sub_stream s) { return discard(std::move(s)); });
  const auto opens = f.open_many(400);
  f.settle();
  CHECK(f.dials == 1);
  for (outcome* o : opens) CHECK(o->is(no_error));
  for (outcome* o : f.open_many(200)) CHECK_FALSE(o->done());
  f.settle();
  CHECK(f.dials == 1);
}

TEST_CASE("a place is taken until the application destroys its sub-stream", "[client_pool]") {
  auto options = pool_options(1);
  options.max_connections = 1;
  farm f(options, [](sub_stream s) { return discard(std::move(s)); });
  outcome& first = f.open();
  outcome& second = f.open();
  f.settle();
  REQUIRE(first.is(no_error));
  first.stream.async_shutdown([](error_code) {});
  CHECK(f.end_of(first.stream) == asio::error::eof);
  CHECK_FALSE(second.done());
  first.stream = sub_stream();
  f.settle();
  CHECK(second.is(no_error));
}

TEST_CASE("an open that is cancelled gives its place to the next one", "[client_pool]") {
  auto options = pool_options(1);
  options.max_connections = 1;
  farm f(options);
  asio::cancellation_signal stop;
  f.open();
  f.settle();
  outcome& second = f.open(stop);
  outcome& third = f.open();
  f.settle();
  stop.emit(asio::cancellation_type::total);
  CHECK_FALSE(second.done());
  f.settle();
  CHECK(second.is(asio::error::operation_aborted));
  CHECK(f.pool.stats().waiting == 1);
  f.outcomes.front()->stream = sub_stream();
  f.settle();
  CHECK(third.is(no_error));
}

TEST_CASE("a dial whose only open is cancelled is there for the next one", "[client_pool]") {
  farm f;
  f.dial_time = 1s;
  asio::cancellation_signal stop;
  outcome& gone = f.open(stop);
  f.settle();
  stop.emit(asio::cancellation_type::terminal);
  f.settle();
  CHECK(gone.is(asio::error::operation_aborted));
  outcome& next = f.open();
  f.advance(1s);
  CHECK(next.is(no_error));
  CHECK(f.dials == 1);
}

TEST_CASE("no more opens wait than may", "[client_pool]") {
  auto options = pool_options(1);
  options.max_connections = 1;
  options.max_waiting = 2;
  farm f(options);
  f.dial_time = 1s;
  f.open_many(2);
  outcome& third = f.open();
  f.settle();
  CHECK(third.is(errc::pool_exhausted));
  f.advance(1s);
  CHECK(f.outcomes[0]->is(no_error));
  CHECK_FALSE(f.outcomes[1]->done());
}

TEST_CASE("a senseless request fails alone", "[client_pool]") {
  farm f;
  f.open();
  f.settle();
  open_request bad = to_tcp();
  bad.target = destination(network::tcp, std::string(300, 'a'), 443);
  outcome& o = f.open(bad);
  f.settle();
  CHECK(o.is(errc::bad_host));
  CHECK(f.pool.stats().connections == 1);
  CHECK(f.pool.stats().streams == 1);
  CHECK(f.echoes(f.outcomes.front()->stream));
}

TEST_CASE("an open that is possible at once completes at once, without a dial", "[client_pool]") {
  auto options = pool_options(2);
  options.max_connections = 1;
  farm f(options);
  open_request request = with_data("hello");
  error_code ec;
  sub_stream stream;
  CHECK_FALSE(f.pool.try_open(request, ec, stream));
  CHECK(request.first_data.size() == 5);
  f.settle();
  CHECK(f.dials == 0);

  f.open();
  f.settle();
  REQUIRE(f.pool.try_open(request, ec, stream));
  CHECK_FALSE(ec);
  std::string got(5, ' ');
  outcome read;
  asio::async_read(stream, asio::buffer(got), into(read));
  f.settle();
  CHECK(read.is(no_error));
  CHECK(got == "hello");
  CHECK(f.pool.stats().streams == 2);

  sub_stream third;
  open_request more = to_tcp();
  CHECK_FALSE(f.pool.try_open(more, ec, third));
  outcome& waits = f.open();
  stream = sub_stream();
  CHECK_FALSE(f.pool.try_open(more, ec, third));  // there is room now, but not before the waiting open
  f.settle();
  CHECK(waits.is(no_error));
  more.target = destination(network::tcp, std::string(300, 'a'), 443);
  f.outcomes.clear();
  f.settle();
  CHECK(f.pool.try_open(more, ec, third));
  CHECK(ec == errc::bad_host);
  f.pool.close();
  more = to_tcp();
  CHECK(f.pool.try_open(more, ec, third));
  CHECK(ec == errc::pool_exhausted);
}

TEST_CASE("UDP and first data go through a pool", "[client_pool]") {
  farm f;
  outcome& o = f.open(with_data("hello"));
  f.settle();
  REQUIRE(o.is(no_error));
  std::string got(5, '\0');
  asio::async_read(o.stream, asio::buffer(got), [](error_code, std::size_t) {});
  f.settle();
  CHECK(got == "hello");
  outcome& udp = f.open(to_udp());
  f.settle();
  CHECK(udp.is(no_error));
}

TEST_CASE("a pool refuses options that make no sense, with the sentence", "[client_pool]") {
  asio::io_context context;
  const auto dial = []() -> awaitable<pipe_end> { co_return pipe_end(); };
  client_pool_options options;
  options.max_concurrency = 0;
  CHECK_THROWS_WITH(client_pool(context.get_executor(), dial, options),
                    "max_concurrency is 0, it must be 1 to 65535");
}
