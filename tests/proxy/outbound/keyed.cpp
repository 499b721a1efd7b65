// By way of a server of VLESS or Trojan, this library's own one and scripted ones.
#include "keyed.hpp"
#include "by_server.hpp"

#include "proxy/policy/dial_outcome.hpp"

namespace {

using namespace keyed_test;
using front = by_server<keyed_outbound, keyed_outbound_options>;

awaitable<> talks(standing& x, protocol p) {
  front f(x.io, x.at, p.outbound_options());
  {
    target_link link = f.open(x.to_echo());
    const auto [outcome] = co_await link.async_wait_for_target(as_result);
    CHECK_FALSE(outcome);
    const std::string heard = co_await say(link, "hello");
    CHECK(heard == "hello");
    const std::string more = co_await say(link, std::string(100'000, 'x'));
    CHECK(more == std::string(100'000, 'x'));
    co_await link.stream.async_shutdown();
    const std::string end = co_await end_of(link);
    CHECK(end == "|");
  }
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK(f.ended[0].up == 100'005);
  CHECK(f.ended[0].down == 100'005);
  CHECK_FALSE(f.ended[0].why);
}

// The client sends nothing until the target has.
awaitable<> hears_first(targets& x, protocol p) {
  tcp::acceptor at(x.io, {loopback, 0});
  keyed_outbound_options o = p.outbound_options();
  o.first_bytes = 20ms;
  front f(x.io, at.local_endpoint(), o);
  target_link link = f.open(x.to_echo());
  tcp::socket server = co_await at.async_accept(asio::use_awaitable);
  const std::string head = p.head(x.to_echo());
  const std::string heard = co_await read(server, head.size());
  CHECK(heard == head);
  for (const char c : p.response_text) {
    co_await write(server, std::string(1, c));
    co_await pause(2ms);
  }
  co_await write(server, "220 hello");
  std::string greeting(9, ' ');
  co_await asio::async_read(link.stream, asio::buffer(greeting), as_result);
  CHECK(greeting == "220 hello");
  co_await asio::async_write(link.stream, asio::buffer("quit", 4), as_result);
  const std::string quit = co_await read(server, 4);
  CHECK(quit == "quit");
  // The server dies: a cut, and no end.
  server.set_option(asio::socket_base::linger(true, 0));
  server.close();
  const std::string end = co_await end_of(link);
  CHECK(end == "!");
  co_await wait_for([&] { return f.to.live() == 0; });
}

// Before any answer.
awaitable<> sends_in_one_write(targets& x, protocol p) {
  tcp::acceptor at(x.io, {loopback, 0});
  front f(x.io, at.local_endpoint(), p.outbound_options());
  target_link link = f.open(x.to_echo());
  co_await asio::async_write(link.stream, asio::buffer("first", 5), as_result);
  tcp::socket server = co_await at.async_accept(asio::use_awaitable);
  std::array<char, 1000> room;
  const auto [error, n] = co_await server.async_read_some(asio::buffer(room), as_result);
  CHECK(std::string(room.data(), n) == p.head(x.to_echo()) + "first");
  co_await asio::async_write(link.stream, asio::buffer("second", 6), as_result);
  const std::string second = co_await read(server, 6);
  CHECK(second == "second");
  // It ends without sending a byte, which is no failure.
  server.close();
  const std::string end = co_await end_of(link);
  CHECK(end == "|");
}

awaitable<> half_closes_at_once(targets& x, protocol p) {
  tcp::acceptor at(x.io, {loopback, 0});
  keyed_outbound_options o = p.outbound_options();
  o.first_bytes = 10s;
  front f(x.io, at.local_endpoint(), o);
  target_link link = f.open(x.to_echo());
  co_await link.stream.async_shutdown();
  tcp::socket server = co_await at.async_accept(asio::use_awaitable);
  const std::string heard = co_await read_all(server);
  CHECK(heard == p.head(x.to_echo()) + "|");
  co_await write(server, p.response_text + "answer");
  server.close();
  std::string answer(6, ' ');
  co_await asio::async_read(link.stream, asio::buffer(answer), as_result);
  CHECK(answer == "answer");
}

awaitable<> is_given_up(targets& x, protocol p) {
  tcp::acceptor at(x.io, {loopback, 0});
  keyed_outbound_options o = p.outbound_options();
  o.first_bytes = 10s;
  front f(x.io, at.local_endpoint(), o);
  {
    const target_link link = f.open(x.to_echo());
    co_await pause(10ms);
  }
  co_await wait_for([&] { return f.to.live() == 0; });
}

awaitable<> reports_its_server(targets& x, protocol p) {
  front f(x.io, {loopback, 1}, p.outbound_options());
  target_link link = f.open(x.to_echo());
  const auto [outcome] = co_await link.async_wait_for_target(as_result);
  CHECK(outcome_of(outcome) == dial_outcome::host_unreachable);
  co_await wait_for([&] { return f.to.live() == 0; });
}

awaitable<> hears_a_wrong_answer(targets& x) {
  front f(x.io, x.tcp_echo.local_endpoint(), [] {
    keyed_outbound_options o = of_vless().outbound_options();
    o.request = [](const destination&) { return byte_string{std::byte{1}}; };
    return o;
  }());
  target_link link = f.open(x.to_echo());
  const std::string end = co_await end_of(link);
  CHECK(end == "!");
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK(f.ended[0].why == errc::bad_answer);
}

/// A datagram with its peer, or how the stream has ended.
awaitable<std::string> receive(datagram_stream& from) {
  std::array<char, 9000> room;
  host_port peer;
  std::error_code ec;
  const std::size_t n = co_await from.receive(asio::buffer(room), peer, ec);
  if (ec) co_return ec.message();
  co_return to_string(peer) + " " + std::string(room.data(), n);
}

awaitable<> send(datagram_stream& to, std::string what, host_port where) {
  std::error_code ec;
  co_await to.send(asio::buffer(what), where, ec);
  CHECK_FALSE(ec);
}

awaitable<> carries_datagrams(standing& x, protocol p) {
  front f(x.io, x.at, p.outbound_options());
  auto flow = f.open_datagrams(x.to_udp_echo());
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  for (const std::string& what : {std::string("one"), std::string(1400, '2'), std::string("three")}) {
    co_await send(*flow, what, echo);
    const std::string heard = co_await receive(*flow);
    CHECK(heard == to_string(echo) + " " + what);
  }
  co_await send(*flow, std::string(9000, 'x'), echo);  // longer than peers take: lost
  co_await send(*flow, "next", echo);
  const std::string heard = co_await receive(*flow);
  CHECK(heard == to_string(echo) + " next");
  flow.reset();
  co_await wait_for([&] { return f.to.live() == 0; });
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK_FALSE(f.ended[0].why);
}

awaitable<> loses_its_server(targets& x, protocol p) {
  tcp::acceptor at(x.io, {loopback, 0});
  front f(x.io, at.local_endpoint(), p.outbound_options());
  auto flow = f.open_datagrams(x.to_udp_echo());
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  co_await send(*flow, "one", echo);
  tcp::socket server = co_await at.async_accept(asio::use_awaitable);
  const std::string head = p.head(x.to_udp_echo()) + p.packet(echo, "one");
  const std::string heard = co_await read(server, head.size());
  CHECK(heard == head);
  server.set_option(asio::socket_base::linger(true, 0));
  server.close();
  const std::string end = co_await receive(*flow);
  CHECK(end == make_error_code(end_code::remote_disconnect).message());
}

/// Carries by a pool whose main connections use the dialect of `session`.
std::shared_ptr<mux_outbound> multiplexer(standing& x, const protocol& p, session_options session,
                                          client_pool_options pool = {}) {
  const auto way = std::make_shared<transport_dialer>(
      *stream_address::parse(fmt::format("127.0.0.1:{}", x.at.port())), transport_options());
  pool.session = session;
  auto dial = [way, o = p.outbound_options(), session] { return dial_session_by_key(way, o, session); };
  return std::make_shared<mux_outbound>(x.io.get_executor(), dial, std::move(pool), relay_options());
}

awaitable<> carries_main_connections(standing& x, protocol p) {
  for (const dialect d : {dialect::spec, dialect::mux_cool}) {
    session_options session;
    session.speaks = d;
    dispatcher to(x.io.get_executor());
    to.add("far", multiplexer(x, p, session));
    context ctx;
    ctx.outbound.target = x.to_echo();
    target_link link = to.dispatch(std::move(ctx));
    const std::string heard = co_await say(link, "hello");
    CHECK(heard == "hello");
  }
}

// The first datagram goes with New. One that no peer takes is lost, and the next one opens.
awaitable<> carries_xudp(standing& x, protocol p) {
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  for (const bool single : {false, true}) {
    session_options session;
    session.speaks = dialect::mux_cool;
    session.single = single;
    client_pool_options pool;
    if (single) pool.max_concurrency = pool.max_reuse = 1;
    dispatcher to(x.io.get_executor());
    to.add("far", multiplexer(x, p, session, pool));
    context ctx;
    ctx.outbound.target = x.to_udp_echo();
    auto flow = to.dispatch_datagrams(std::move(ctx));
    co_await send(*flow, std::string(8000, 'x'), echo);
    for (const std::string& what : {std::string("one"), std::string(1400, '2'), std::string(2000, '3')}) {
      co_await send(*flow, what, echo);
      const std::string heard = co_await receive(*flow);
      CHECK(heard == to_string(echo) + " " + what);
    }
    flow.reset();
    co_await wait_for([&] { return to.live() == 0; });
  }
}

void with_servers(awaitable<> (*work)(standing&, protocol)) {
  for (const protocol& p : both()) {
    INFO(p.name);
    keyed_inbound_options o = p.inbound_options();
    o.main_connections = std::make_shared<const mux_inbound>(mux_inbound_options());
    standing(std::make_shared<keyed_inbound>(o)).run([&](standing& x) { return work(x, p); });
  }
}

void with_targets(awaitable<> (*work)(targets&, protocol)) {
  for (const protocol& p : both()) {
    INFO(p.name);
    targets x;
    x.run<targets>(x, [&](targets& t) { return work(t, p); });
  }
}

}  // namespace

TEST_CASE("keyed outbound: connections go by way of the server", "[proxy][keyed]") { with_servers(talks); }
TEST_CASE("keyed outbound: a target may send first", "[proxy][keyed]") { with_targets(hears_first); }
TEST_CASE("keyed outbound: the head and the first bytes are one write", "[proxy][keyed]") {
  with_targets(sends_in_one_write);
}
TEST_CASE("keyed outbound: a client that half-closes at once", "[proxy][keyed]") {
  with_targets(half_closes_at_once);
}
TEST_CASE("keyed outbound: a client that closes before its first bytes", "[proxy][keyed]") {
  with_targets(is_given_up);
}
TEST_CASE("keyed outbound: a server that cannot be reached", "[proxy][keyed]") {
  with_targets(reports_its_server);
}
TEST_CASE("keyed outbound: an answer that is not VLESS", "[proxy][keyed]") {
  targets x;
  x.run<targets>(x, hears_a_wrong_answer);
}
TEST_CASE("keyed outbound: datagrams", "[proxy][keyed]") { with_servers(carries_datagrams); }
TEST_CASE("keyed outbound: datagrams whose server is lost", "[proxy][keyed]") {
  with_targets(loses_its_server);
}
TEST_CASE("keyed outbound: main connections inside", "[proxy][keyed]") {
  with_servers(carries_main_connections);
}
TEST_CASE("keyed outbound: XUDP, in main connections and alone", "[proxy][keyed][mux_cool]") {
  with_servers(carries_xudp);
}
