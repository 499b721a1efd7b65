// XHTTP as a carrier, between a client and a server on loopback.
#include "behind_layer.hpp"
#include "certificates.hpp"
#include "word_through.hpp"

#include "proxy/transport/tls.hpp"
#include "proxy/transport/xhttp.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace xhttp_meeting {

using namespace behind_layer_test;
using mode = xhttp_mode;

namespace {

constexpr mode all_modes[] = {mode::packet_up, mode::stream_up, mode::stream_one};

xhttp_options at_path(const char* path, mode m = mode::automatic) {
  xhttp_options o;
  set_xhttp_path(o, path);
  o.mode = m;
  return o;
}

std::shared_ptr<const transport> xhttp_layer(xhttp_options o, bool http2 = false) {
  if (o.host.empty()) o.host = "server.example";
  xhttp_connection_options connections;
  connections.http2 = http2;
  return std::make_shared<const xhttp_transport>(std::move(o), std::move(connections));
}

std::shared_ptr<const transport> xhttp_server_layer(const char* path = "/up") {
  return std::make_shared<const xhttp_transport>(at_path(path), xhttp_connection_options());
}

awaitable<> answers(behind_layer& x, std::string request, std::string status) {
  tcp::socket s(x.io);
  co_await s.async_connect(x.at, asio::use_awaitable);
  co_await write(s, request);
  const std::string heard = co_await read_all(s);
  CHECK(heard.substr(0, 12) == "HTTP/1.1 " + status);
}

/// A client that has left sends two parts more, by one connection.
awaitable<> late_parts(behind_layer& x) {
  const std::string padding = "?x_padding=" + std::string(100, 'X') + " HTTP/1.1\r\nHost: a\r\n";
  const std::string part = "POST /up/s/1" + padding + "Content-Length: 4\r\n";
  tcp::socket down(x.io), up(x.io);
  co_await down.async_connect(x.at, asio::use_awaitable);
  co_await write(down, "GET /up/s" + padding + "\r\n");
  std::array<char, 12> head;
  co_await asio::async_read(down, asio::buffer(head), asio::use_awaitable);
  CHECK(std::string(head.data(), head.size()) == "HTTP/1.1 200");
  down.close();
  co_await up.async_connect(x.at, asio::use_awaitable);
  co_await write(up, part + "\r\nlate" + part + "Connection: close\r\n\r\nlate");
  const std::string heard = co_await read_all(up);
  const auto first = heard.find("HTTP/1.1 200");
  CHECK(first == 0);
  CHECK(heard.find("HTTP/1.1 200", first + 1) != std::string::npos);
}

}  // namespace

TEST_CASE("xhttp: parts for a session that is over are answered", "[proxy][xhttp]") {
  const protocol p = of_trojan();
  behind_layer(p.made(), xhttp_server_layer()).run(late_parts);
}

TEST_CASE("xhttp: a connection in each mode, by both versions of HTTP", "[proxy][xhttp]") {
  for (const bool http2 : {false, true})
    for (const mode m : all_modes) {
      INFO(static_cast<int>(m) << (http2 ? " by HTTP/2" : " by HTTP/1.1"));
      with_both(talks, xhttp_server_layer(), xhttp_layer(at_path("/up", m), http2));
    }
}

TEST_CASE("xhttp: connections end apart", "[proxy][xhttp]") {
  for (const bool http2 : {false, true})
    for (const mode m : all_modes) {
      INFO(static_cast<int>(m) << (http2 ? " by HTTP/2" : " by HTTP/1.1"));
      with_both(shares, xhttp_server_layer(), xhttp_layer(at_path("/up", m), http2));
    }
}

TEST_CASE("xhttp: a cut is passed on where one request carries both", "[proxy][xhttp]") {
  for (const bool http2 : {false, true})
    with_both(passes_a_cut_on, xhttp_server_layer(), xhttp_layer(at_path("/up", mode::stream_one), http2));
}

TEST_CASE("xhttp: over TLS, with h2 agreed on", "[proxy][xhttp]") {
  const test::certificates known;
  tls_options server, client;
  server.certificate = known.server.certificate_file;
  server.key = known.server.key_file;
  client.authority = known.ca.certificate_file;
  client.name = "server.example";
  server.alpn = client.alpn = {"h2"};
  for (const mode m : all_modes)
    with_both(talks,
              stacked(std::make_shared<const tls_transport>(role::server, server), xhttp_server_layer()),
              stacked(std::make_shared<const tls_transport>(role::client, client),
                      xhttp_layer(at_path("/up", m), true)));
}

TEST_CASE("xhttp: downloads from another place", "[proxy][xhttp]") {
  const protocol p = of_trojan();
  behind_layer(p.made(), xhttp_server_layer()).run([&](behind_layer& x) -> awaitable<> {
    xhttp_connection_options connections;
    connections.download_from = std::make_shared<transport_dialer>(
        stream_address(host_port("127.0.0.1", x.at.port())), transport_options());
    xhttp_options there = at_path("/up");
    there.host = "elsewhere.example";
    xhttp_connection_options by_http2;
    by_http2.http2 = true;
    connections.download_by = std::make_shared<const xhttp_transport>(there, by_http2);
    xhttp_options o = at_path("/up");
    o.host = "server.example";
    co_await talks(x, p, std::make_shared<const xhttp_transport>(o, connections));
  });
}

TEST_CASE("xhttp: a client sees the status of an answer", "[proxy][xhttp]") {
  const protocol p = of_trojan();
  for (const bool http2 : {false, true})
    for (const mode m : all_modes)
      behind_layer(p.made(), xhttp_server_layer("/right")).run([&](behind_layer& x) -> awaitable<> {
        const auto way = x.way(xhttp_layer(at_path("/wrong", m), http2));
        std::error_code ec;
        const auto c = co_await way->dial(ec);
        REQUIRE_FALSE(ec);
        std::array<char, 10> room;
        co_await c->read_some(asio::buffer(room), ec);
        CHECK(ec.message() == "the server has answered with HTTP status 404");
      });
}

TEST_CASE("xhttp: a server's answers to strangers", "[proxy][xhttp]") {
  const protocol p = of_trojan();
  behind_layer(p.made(), xhttp_server_layer()).run([&](behind_layer& x) -> awaitable<> {
    const std::string rest = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    co_await answers(x, "GET /up/" + rest, "400");
    CHECK_FALSE(x.lines.has("another host or path"));
    co_await answers(x, "GET /other" + rest, "404");
    co_await wait_for([&] { return x.lines.has("no connection: the client asks for another host or path"); });
    co_await answers(x, "OPTIONS /up/" + rest, "200");
    co_await answers(x, "no HTTP at all\r\n\r\n", "400");
  });
}

TEST_CASE("xhttp: main connections of Mux.Pro", "[proxy][xhttp]") {
  for (const bool http2 : {false, true})
    for (const mode m : all_modes) {
      server_engine server;
      targets t;
      const auto at = server.listen(tcp::endpoint(loopback, 0), transport_options(xhttp_server_layer()));
      server.start();
      const auto way =
          std::make_shared<transport_dialer>(stream_address(host_port("127.0.0.1", at.port())),
                                             transport_options(xhttp_layer(at_path("/up", m), http2)));
      for (int i = 0; i < 3; ++i) CHECK(test::run(t.io, test::word_through(*way, t.to_echo())) == "hello");
    }
}

TEST_CASE("xhttp: threads of a server share its sessions", "[proxy][xhttp]") {
  const protocol p = of_vless();
  behind_layer(p.made(), xhttp_server_layer(), 3).run([&](behind_layer& x) -> awaitable<> {
    for (const mode m : {mode::packet_up, mode::stream_up})
      for (int i = 0; i < 6; ++i) co_await talks(x, p, xhttp_layer(at_path("/up", m)));
  });
}

}  // namespace xhttp_meeting
