// By way of a server of Shadowsocks: this library's own one.
#include "shadowsocks.hpp"
#include "by_server.hpp"

#include "proxy/outbound/keyed.hpp"

namespace {

using namespace shadowsocks_link;
using front = by_server<keyed_outbound, keyed_outbound_options>;

keyed_outbound_options outbound_options(const scheme& of) {
  keyed_outbound_options o;
  o.chunks = [who = of.client()](const destination& d) { return shadowsocks_request(who, d, now); };
  o.packets = [who = of.client()] { return std::make_unique<packet_user>(who); };
  return o;
}

awaitable<> talks(standing& x, scheme of) {
  front f(x.io, x.at, outbound_options(of));
  {
    target_link link = f.open(x.to_echo());
    const auto [outcome] = co_await link.async_wait_for_target(as_result);
    CHECK_FALSE(outcome);
    const std::string heard = co_await say(link, "hello");
    CHECK(heard == "hello");
    const std::string more = co_await say(link, std::string(60'000, 'x'));
    CHECK(more == std::string(60'000, 'x'));
    co_await link.stream.async_shutdown();
    const std::string end = co_await end_of(link);
    CHECK(end == "|");
  }
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK(f.ended[0].up == 60'005);
  CHECK(f.ended[0].down == 60'005);
  CHECK_FALSE(f.ended[0].why);
}

awaitable<std::string> ask(datagram_stream& stream, host_port to, std::string text) {
  std::error_code ec;
  co_await stream.send(asio::buffer(text), to, ec);
  CHECK_FALSE(ec);
  std::string room(2000, ' ');
  host_port peer;
  const std::size_t n = co_await stream.receive(asio::buffer(room), peer, ec);
  co_return to_string(peer) + ": " + room.substr(0, n);
}

awaitable<> carries_datagrams(standing& x, scheme of) {
  front f(x.io, tcp::endpoint(loopback, x.udp_at.port()), outbound_options(of));
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  udp::socket other(x.io, {loopback, 0});
  asio::co_spawn(x.io, serve_udp_echo(other), asio::detached);
  const host_port second("127.0.0.1", other.local_endpoint().port());
  {
    const auto stream = f.open_datagrams(x.to_udp_echo());
    std::string heard = co_await ask(*stream, echo, "one");
    CHECK(heard == to_string(echo) + ": one");
    heard = co_await ask(*stream, second, std::string(1400, 'x'));
    CHECK(heard == to_string(second) + ": " + std::string(1400, 'x'));
    heard = co_await ask(*stream, echo, "");
    CHECK(heard == to_string(echo) + ": ");
  }
  other.close();
  co_await wait_for([&] { return f.ended.size() == 1; });
}

awaitable<> names_the_clock(targets& x, scheme of) {
  tcp::acceptor at(x.io, {loopback, 0});
  front f(x.io, at.local_endpoint(), outbound_options(of));
  target_link link = f.open(x.to_echo());
  co_await asio::async_write(link.stream, asio::buffer("hello", 5), as_result);
  tcp::socket server = co_await at.async_accept(asio::use_awaitable);
  // The server, whose clock is late.
  byte_string received(1000);
  const auto [error, n] = co_await server.async_read_some(asio::buffer(received), as_result);
  const auto options = of.options();
  shadowsocks_handshake reads(*options.server, loopback);
  CHECK(reads.next(const_bytes(received).first(n), now()).what == request_head::status::request);
  shadowsocks_response_sealer seals(of.method, reads.key(), reads.salt(), random_bytes(of.method.key_size),
                                    [] { return now() - std::chrono::seconds(100); });
  byte_string answer;
  append_sealed(answer, seals, std::as_bytes(std::span("hello", 5)));
  co_await write(server, test::to_text(answer));
  const std::string end = co_await end_of(link);
  CHECK(end == "!");
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK(f.ended[0].why.message().find("clock off by -10") != std::string::npos);
}

void with_every(awaitable<> (*work)(standing&, scheme)) {
  for (const scheme& of : every_scheme()) {
    INFO(of.method.name);
    standing(of.made()).run([&](standing& x) { return work(x, of); });
  }
}

}  // namespace

TEST_CASE("shadowsocks outbound: a connection and its half-close", "[proxy][shadowsocks]") {
  with_every(talks);
}
TEST_CASE("shadowsocks outbound: datagrams", "[proxy][shadowsocks]") { with_every(carries_datagrams); }
TEST_CASE("shadowsocks outbound: the server's clock", "[proxy][shadowsocks]") {
  const scheme of("2022-blake3-aes-128-gcm");
  targets x;
  x.run<targets>(x, [&](targets& t) { return names_the_clock(t, of); });
}
