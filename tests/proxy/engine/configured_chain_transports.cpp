// Outbounds that go through others: TLS, carriers and the flow xtls-rprx-vision on what those carry.
#include "chains.hpp"

#include "proxy/transport/tls.hpp"

#include <algorithm>

namespace {

using namespace chain_test;

asio::awaitable<void> echo_over_tls(tcp::acceptor& at, tls_transport& by) {
  tcp::socket s = co_await at.async_accept(asio::use_awaitable);
  std::error_code ec;
  const auto c = co_await by.open(make_connection(stream_socket(std::move(s))), ec);
  std::string room(20'000, ' ');
  while (!ec) {
    const std::size_t n = co_await c->read_some(asio::buffer(room), ec);
    if (!ec) co_await c->write(asio::buffer(room.data(), n), ec);
  }
  if (c) co_await c->finish();
}

/// What a client of TLS gets from a target behind a SOCKS listener.
asio::awaitable<std::string> ask_over_tls(tcp::endpoint proxy, std::uint16_t port, tls_transport& by,
                                          std::string text) {
  tcp::socket s(co_await asio::this_coro::executor);
  co_await s.async_connect(proxy, asio::use_awaitable);
  const std::string request = "\x05\x01\x00"s + to_port(port);
  co_await asio::async_write(s, asio::buffer(request), asio::use_awaitable);
  std::string heard(12, ' ');
  co_await asio::async_read(s, asio::buffer(heard), asio::use_awaitable);
  std::error_code ec;
  const auto c = co_await by.open(make_connection(stream_socket(std::move(s))), ec);
  heard.assign(text.size(), ' ');
  for (std::size_t done = 0; done < text.size() && !ec;) {
    const std::size_t end = std::min(text.size(), done + 10'000);
    co_await c->write(asio::buffer(text.data() + done, end - done), ec);
    while (done < end && !ec)
      done += co_await c->read_some(asio::buffer(heard.data() + done, end - done), ec);
  }
  if (ec) co_return ec.message();
  co_await c->finish();
  char none = 0;
  co_await c->read_some(asio::buffer(&none, 1), ec);
  co_return ec == asio::error::eof ? heard : "no end";
}

}  // namespace

TEST_CASE("configured chain: transports of both outbounds", "[proxy][chain]") {
  const test::certificates known;
  const std::string much(200'000, 'x');
  const std::string of_server = tls_of_server(known), of_client = tls_of_client(known);
  for (const std::string network : {"tcp", "ws", "httpupgrade", "grpc"}) {
    INFO(network);
    const std::string by = fmt::format(R"(, "network": "{}")", network);
    bench b;
    lines at_first, at_second;
    auto far = server_of(vless_hop, at_first, stream(by + of_server));
    auto between = server_of(trojan_hop, at_second, stream(of_server));
    const std::uint16_t place = port_of(far->listening()[0]);
    auto near = client_of(outbound_to(vless_hop, "a", place, through("b", by + of_client)) + "," +
                          outbound_to(trojan_hop, "b", port_of(between->listening()[0]), stream(of_client)));
    CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) == "hello");
    CHECK(b.by_tcp(port_of(near->listening()[0]), b.port(), much) == much);
    CHECK(at_second.has(to_log(place)));
    finish(near);
    finish(between);
    finish(far);
  }
}

TEST_CASE("configured chain: the flow xtls-rprx-vision through another outbound", "[proxy][chain]") {
  const test::certificates known;
  const hop vision_hop{"vless",
                       R"({"decryption": "none", "clients": [{"id": "alice", "flow": "xtls-rprx-vision"}]})",
                       R"(, "id": "alice", "encryption": "none", "flow": "xtls-rprx-vision")"};
  bench b;
  lines at_first, at_second;
  auto far = server_of(vision_hop, at_first, stream(tls_of_server(known))),
       between = server_of(socks_hop, at_second);
  const std::uint16_t place = port_of(far->listening()[0]);
  auto near = client_of(outbound_to(vision_hop, "a", place, through("b", tls_of_client(known))) + "," +
                        outbound_to(socks_hop, "b", port_of(between->listening()[0])));
  CHECK(b.by_tcp(port_of(near->listening()[0]), b.port()) == "hello");
  CHECK(at_second.has(to_log(place)));
  // TLS 1.3 inside: both directions become raw.
  tls_options server, client;
  server.certificate = known.server.certificate_file;
  server.key = known.server.key_file;
  client.name = "server.example";
  client.authority = known.ca.certificate_file;
  tls_transport answers(role::server, server), asks(role::client, client);
  tcp::acceptor site(b.io, {make_address("127.0.0.1"), 0});
  asio::co_spawn(b.io, echo_over_tls(site, answers), asio::detached);
  const std::string much = "hello" + std::string(300'000, 'x');
  CHECK(test::run(b.io, ask_over_tls({make_address("127.0.0.1"), port_of(near->listening()[0])},
                                     site.local_endpoint().port(), asks, much)) == much);
  finish(near);
  finish(between);
  finish(far);
}
