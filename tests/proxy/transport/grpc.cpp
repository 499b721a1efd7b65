// gRPC as a carrier, between a client and a server on loopback.
#include "behind_layer.hpp"
#include "certificates.hpp"
#include "word_through.hpp"

#include "proxy/transport/grpc.hpp"
#include "proxy/transport/tls.hpp"

#include <array>
#include <memory>
#include <string>

namespace {

using namespace behind_layer_test;

grpc_options service(const std::string& name, bool many = false) {
  grpc_options o;
  o.paths = grpc_paths_of(name);
  o.many = many;
  o.authority = "server.example";
  return o;
}

std::shared_ptr<const transport> layer(grpc_options o) {
  return std::make_shared<const grpc_transport>(std::move(o));
}

}  // namespace

TEST_CASE("grpc: a connection is a call of either method", "[proxy][grpc]") {
  for (const bool many : {false, true}) {
    with_both(talks, layer(service("mux")), layer(service("mux", many)));
    with_both(talks, layer(service("/a/b/one|many")), layer(service(many ? "/a/b/many" : "/a/b/one")));
  }
}

TEST_CASE("grpc: connections share one of HTTP/2, and end apart", "[proxy][grpc]") {
  with_both(shares, layer(service("mux")), layer(service("mux")));
  with_both(passes_a_cut_on, layer(service("mux")), layer(service("mux")));
}

TEST_CASE("grpc: over TLS, with h2 agreed on", "[proxy][grpc]") {
  const test::certificates known;
  tls_options server, client;
  server.certificate = known.server.certificate_file;
  server.key = known.server.key_file;
  client.authority = known.ca.certificate_file;
  client.name = "server.example";
  server.alpn = client.alpn = {"h2"};
  with_both(talks, stacked(std::make_shared<const tls_transport>(role::server, server), layer(service("s"))),
            stacked(std::make_shared<const tls_transport>(role::client, client), layer(service("s"))));
}

TEST_CASE("grpc: another path is answered with gRPC's status", "[proxy][grpc]") {
  const protocol p = of_trojan();
  behind_layer(p.made(), layer(service("right"))).run([&](behind_layer& x) -> awaitable<> {
    const auto way = x.way(layer(service("wrong")));
    std::error_code ec;
    const auto c = co_await way->dial(ec);
    REQUIRE_FALSE(ec);
    std::array<char, 10> room;
    co_await c->read_some(asio::buffer(room), ec);
    CHECK(ec.message() == "the server has ended the stream with gRPC status 12");
    CHECK_FALSE(x.lines.has("another host or path"));
    // POST http://a/ of content-type application/grpc as the only request of a connection.
    tcp::socket s(x.io);
    co_await s.async_connect(x.at, asio::use_awaitable);
    co_await write(s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9) +
                          std::string("\0\0\x19\1\5\0\0\0\1\x83\x84\x86\x41\1a\x0f\x10\x10", 18) +
                          "application/grpc");
    s.shutdown(tcp::socket::shutdown_send);
    co_await wait_for([&] { return x.lines.has("no connection: the client asks for another host or path"); });
  });
}

TEST_CASE("grpc: a server that speaks something else", "[proxy][grpc]") {
  const protocol p = of_trojan();
  behind_layer(p.made(), layer(service("right"))).run([&](behind_layer& x) -> awaitable<> {
    tcp::socket s(x.io);
    co_await s.async_connect(x.at, asio::use_awaitable);
    co_await write(s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string heard = co_await read_all(s);
    CHECK(heard.substr(0, 3) == std::string("\0\0\x18", 3));  // its SETTINGS, at most
  });
}

TEST_CASE("grpc: main connections of Mux.Pro", "[proxy][grpc]") {
  server_engine server;
  targets t;
  const auto at = server.listen(tcp::endpoint(loopback, 0), transport_options(layer(service("mux"))));
  server.start();
  transport_dialer way(stream_address(host_port("127.0.0.1", at.port())),
                       transport_options(layer(service("mux"))));
  for (int i = 0; i < 3; ++i) CHECK(test::run(t.io, test::word_through(way, t.to_echo())) == "hello");
}
