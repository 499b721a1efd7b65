// By way of a server of VMess.
#include "vmess.hpp"
#include "by_server.hpp"

#include "proxy/outbound/keyed.hpp"
#include "proxy/vless/packets.hpp"

namespace {

using namespace vmess_test;
using front = by_server<keyed_outbound, keyed_outbound_options>;

keyed_outbound_options outbound_options(const vmess_account& a) {
  keyed_outbound_options o;
  o.chunks = [a](const destination& target) { return vmess_client_codecs(a, target, seconds()); };
  o.framing = {read_vless_packet, append_vless_packet, false};
  o.first_bytes = 20ms;
  return o;
}

awaitable<> talks(standing& x, vmess_account a) {
  front f(x.io, x.at, outbound_options(a));
  {
    target_link link = f.open(x.to_echo());
    const std::string heard = co_await say(link, "hello");
    CHECK(heard == "hello");
    const std::string more = co_await say(link, std::string(300'000, 'x'));
    CHECK(more == std::string(300'000, 'x'));
    co_await link.stream.async_shutdown();
    const std::string end = co_await end_of(link);
    CHECK(end == "|");
  }
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK(f.ended[0].up == 300'005);
  CHECK(f.ended[0].down == 300'005);
  CHECK_FALSE(f.ended[0].why);
}

// The client sends nothing until the target has.
awaitable<> hears_first(standing& x, vmess_account a) {
  tcp::acceptor target(x.io, {loopback, 0});
  front f(x.io, x.at, outbound_options(a));
  target_link link = f.open({network::tcp, "127.0.0.1", target.local_endpoint().port()});
  tcp::socket there = co_await target.async_accept(asio::use_awaitable);
  co_await write(there, "220 hello");
  std::string greeting(9, ' ');
  co_await asio::async_read(link.stream, asio::buffer(greeting), as_result);
  CHECK(greeting == "220 hello");
  co_await asio::async_write(link.stream, asio::buffer("quit", 4), as_result);
  const std::string quit = co_await read(there, 4);
  CHECK(quit == "quit");
}

awaitable<> carries_datagrams(standing& x, vmess_account a) {
  front f(x.io, x.at, outbound_options(a));
  const auto link = f.open_datagrams(x.to_udp_echo());
  const host_port echo(x.to_udp_echo().host, x.to_udp_echo().port);
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{1400}}) {
    std::string data(size, 'd'), room(2000, ' ');
    std::error_code ec;
    co_await link->send(asio::buffer(data), echo, ec);
    CHECK_FALSE(ec);
    host_port peer;
    const std::size_t n = co_await link->receive(asio::buffer(room), peer, ec);
    CHECK(room.substr(0, n) == data);
    CHECK(peer == echo);
  }
  link->end(end_code::graceful);
}

awaitable<> refuses_another_answer(targets& x) {
  tcp::acceptor at(x.io, {loopback, 0});
  front f(x.io, at.local_endpoint(), outbound_options(account()));
  target_link link = f.open(x.to_echo());
  tcp::socket server = co_await at.async_accept(asio::use_awaitable);
  co_await write(server, std::string(100, 'a'));
  std::array<char, 10> room;
  const auto [error, n] = co_await link.stream.async_read_some(asio::buffer(room), as_result);
  CHECK(error);
  CHECK(error != asio::error::eof);
  co_await wait_for([&] { return f.ended.size() == 1; });
  CHECK(f.ended[0].why == errc::bad_answer);
}

void of_every_kind(awaitable<> (*work)(standing&, vmess_account)) {
  for (const vmess_account& a : every_kind()) standing(server()).run([&](standing& x) { return work(x, a); });
}

}  // namespace

TEST_CASE("vmess outbound: a connection and its half-close", "[proxy][vmess]") { of_every_kind(talks); }
TEST_CASE("vmess outbound: a target that speaks first", "[proxy][vmess]") { of_every_kind(hears_first); }
TEST_CASE("vmess outbound: datagrams", "[proxy][vmess]") { of_every_kind(carries_datagrams); }
TEST_CASE("vmess outbound: an answer that is not authentic", "[proxy][vmess]") {
  targets x;
  x.run<targets>(x, refuses_another_answer);
}
