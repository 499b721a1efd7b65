// What a pool shows of its connections, and the events that it reports.
#include "io/pool_support.hpp"

using namespace io_test;
using kind = pool_event::kind;

namespace {

using events = std::shared_ptr<std::vector<pool_event>>;

client_pool_options reporting(const events& to, std::uint32_t max_concurrency = 8) {
  client_pool_options o = pool_options(max_concurrency);
  o.on_event = [to](const pool_event& e) { to->push_back(e); };
  return o;
}

std::vector<kind> kinds_of(const events& seen) {
  std::vector<kind> out;
  for (const pool_event& e : *seen) out.push_back(e.what);
  return out;
}

awaitable<tcp::socket> connected_to(tcp::endpoint server) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(server, asio::use_awaitable);
  co_return socket;
}

}  // namespace

TEST_CASE("a pool reports a connection that is made, and why it is lost", "[client_pool][events]") {
  const auto seen = std::make_shared<std::vector<pool_event>>();
  farm f(reporting(seen));
  f.open();
  f.settle();
  CHECK(kinds_of(seen) == std::vector{kind::connected});
  const std::uint64_t id = seen->front().connection;
  REQUIRE(f.pool.connections().size() == 1);
  CHECK(f.pool.connections().front().id == id);
  f.hosts[0]->server.close();
  f.settle();
  REQUIRE(kinds_of(seen) == std::vector{kind::connected, kind::lost});
  CHECK(seen->back().connection == id);
  CHECK(seen->back().why == asio::error::connection_reset);
  CHECK(f.pool.connections().empty());
}

TEST_CASE("a pool reports why a dial failed", "[client_pool][events]") {
  const auto seen = std::make_shared<std::vector<pool_event>>();
  farm f(reporting(seen));
  f.behaviour = dial_behaviour::refused;
  f.open();
  f.settle();
  REQUIRE(kinds_of(seen) == std::vector{kind::dial_failed});
  CHECK(seen->back().why == asio::error::connection_refused);
  f.behaviour = dial_behaviour::hangs;
  f.open();
  f.advance(11s);
  REQUIRE(kinds_of(seen) == std::vector{kind::dial_failed, kind::dial_failed});
  CHECK(seen->back().why == asio::error::timed_out);
}

TEST_CASE("a pool reports a retired connection, and that as no loss", "[client_pool][events]") {
  const auto seen = std::make_shared<std::vector<pool_event>>();
  farm f(reporting(seen));
  f.open();
  f.settle();
  f.outcomes.clear();
  f.advance(2min);
  CHECK(kinds_of(seen) == std::vector{kind::connected, kind::retired});
}

TEST_CASE("a pool that was full reports when it has room again", "[client_pool][events]") {
  const auto seen = std::make_shared<std::vector<pool_event>>();
  auto options = reporting(seen, 2);
  options.max_connections = 1;
  options.max_waiting = 1;
  farm f(options);
  for (int i = 0; i < 2; ++i) {
    f.open();
    f.settle();
  }
  CHECK(kinds_of(seen) == std::vector{kind::connected});
  outcome& waits = f.open();
  outcome& refused = f.open();
  f.settle();
  CHECK_FALSE(waits.done());
  CHECK(refused.is(errc::pool_exhausted));
  f.outcomes[0]->stream = sub_stream();
  f.settle();
  CHECK(waits.is(no_error));
  CHECK(kinds_of(seen) == std::vector{kind::connected});
  f.outcomes[1]->stream = sub_stream();
  f.settle();
  CHECK(kinds_of(seen) == std::vector{kind::connected, kind::room});
  f.outcomes[2]->stream = sub_stream();
  f.settle();
  CHECK(seen->size() == 2);
}

TEST_CASE("a closed pool reports nothing more", "[client_pool][events]") {
  const auto seen = std::make_shared<std::vector<pool_event>>();
  farm f(reporting(seen));
  f.open();
  f.settle();
  f.pool.close();
  f.settle();
  CHECK(kinds_of(seen) == std::vector{kind::connected});
}

TEST_CASE("a pool shows the states and the numbers of its connections", "[client_pool][events]") {
  using state = pool_connection::state;
  farm f(pool_options(2));
  f.dial_time = 1s;
  f.open_many(3);
  f.settle();
  auto all = f.pool.connections();
  REQUIRE(all.size() == 2);
  CHECK(all[0].is == state::dialing);
  CHECK(all[0].id < all[1].id);
  f.advance(2s);
  all = f.pool.connections();
  REQUIRE(all.size() == 2);
  CHECK(all[0].is == state::open);
  CHECK(all[0].streams + all[1].streams == 3);
  CHECK(all[0].opened + all[1].opened == 3);
  CHECK(all[0].session.opened == all[0].opened);
  CHECK(all[0].remote.empty());
}

TEST_CASE("a pool shows the endpoints of its connections", "[client_pool][events]") {
  asio::io_context io;
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  client_pool pool(io.get_executor(), [to = acceptor.local_endpoint()] { return connected_to(to); });
  session server;
  acceptor.async_accept([&server](error_code ec, tcp::socket s) {
    REQUIRE_FALSE(ec);
    server = session(std::move(s), role::server);
    run_in_background(server);
  });
  outcome opened;
  pool.async_open(to_tcp(), into(opened));
  test::run_until(io, [&] { return opened.done(); });
  REQUIRE(pool.connections().size() == 1);
  const pool_connection c = pool.connections().front();
  CHECK(c.remote == to_string(to_host_port(acceptor.local_endpoint())));
  CHECK(c.local == to_string(to_host_port(server.next_layer<tcp::socket>()->remote_endpoint())));
}

TEST_CASE("cancel() of a pool aborts opens and drains that wait", "[client_pool][cancellation]") {
  farm f;
  f.dial_time = 1s;
  outcome& waits = f.open();
  f.settle();
  f.pool.cancel();
  f.settle();
  CHECK(waits.is(asio::error::operation_aborted));
  outcome& later = f.open();
  f.advance(2s);
  CHECK(later.is(no_error));
  outcome drained;
  f.pool.async_drain(into(drained));
  f.pool.cancel();
  f.settle();
  CHECK(drained.is(asio::error::operation_aborted));
}
