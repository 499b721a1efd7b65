// gRPC as a carrier, between a client and a server on loopback.
#include "certificates.hpp"
#include "keyed.hpp"
#include "word_through.hpp"

#include "proxy/transport/grpc.hpp"
#include "proxy/transport/tls.hpp"

#include <muxpro/proxy/transport_dialer.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace keyed_test;

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

/// A server behind a layer, whose protocol any of this library's may be.
struct behind_layer : targets {
  behind_layer(std::shared_ptr<const inbound> i, std::shared_ptr<const transport> over)
      : nat(nat_limits(), dial_options(), names, policy),
        whole(
            instance_options(), 1,
            [this](dispatcher& d, asio::io_context&) {
              d.add("direct",
                    std::make_shared<freedom>(names, policy, dial_options(), relay_options(), &nat));
            },
            lines.sink()),
        at(to_tcp(whole.listen(stream_endpoint(tcp::endpoint(loopback, 0)), "in", i,
                               transport_use(std::move(over))))) {
    policy.allow_private(true);
    whole.start();
  }
  void run(std::function<awaitable<>(behind_layer&)> work) {
    targets::run<behind_layer>(*this, std::move(work));
  }
  std::shared_ptr<transport_dialer> way(std::shared_ptr<const transport> over) const {
    return std::make_shared<transport_dialer>(stream_address(host_port("127.0.0.1", at.port())),
                                              transport_use(std::move(over)));
  }

  test::kept_lines lines;
  resolver names;
  dial_policy policy;
  udp_nat nat;
  instance whole;
  tcp::endpoint at;
};

awaitable<> say_head(connection& c, std::string text) {
  std::error_code ec;
  co_await c.write(asio::buffer(text), ec);
  CHECK_FALSE(ec);
}

/// What comes next, `size` bytes of it or up to the end: "|" a clean one, "!" a cut.
awaitable<std::string> hear(connection& c, std::size_t size) {
  std::string text;
  std::array<char, 20'000> room;
  while (text.size() < size) {
    std::error_code ec;
    const std::size_t n =
        co_await c.read_some(asio::buffer(room.data(), std::min(room.size(), size - text.size())), ec);
    text.append(room.data(), n);
    if (ec) co_return text + (ec == asio::error::eof ? "|" : "!");
  }
  co_return text;
}

awaitable<> talks(behind_layer& x, protocol p, std::shared_ptr<const transport> over) {
  const auto way = x.way(std::move(over));
  std::error_code ec;
  const auto c = co_await way->dial(ec);
  REQUIRE_FALSE(ec);
  const std::string large(300'000, 'x');
  co_await say_head(*c, p.head(x.to_echo()) + "hello");
  const std::string heard = co_await hear(*c, p.response_text.size() + 5);
  CHECK(heard == p.response_text + "hello");
  asio::co_spawn(x.io, say_head(*c, large), asio::detached);
  const std::string echoed = co_await hear(*c, large.size());
  CHECK(echoed == large);
  co_await c->finish();
  const std::string end = co_await hear(*c, 1);
  CHECK(end == "|");
}

// Two connections, one of which stays, over one of HTTP/2.
awaitable<> shares(behind_layer& x, protocol p, std::shared_ptr<const transport> over) {
  const auto way = x.way(std::move(over));
  std::vector<std::shared_ptr<connection>> all;
  for (int i = 0; i < 10; ++i) {
    std::error_code ec;
    all.push_back(co_await way->dial(ec));
    REQUIRE_FALSE(ec);
    co_await say_head(*all.back(), p.head(x.to_echo()) + std::to_string(i));
  }
  for (int i = 0; i < 10; ++i) {
    const std::string heard = co_await hear(*all[static_cast<std::size_t>(i)], p.response_text.size() + 1);
    CHECK(heard == p.response_text + std::to_string(i));
  }
  all[3]->cut();
  co_await say_head(*all[4], "more");
  const std::string more = co_await hear(*all[4], 4);
  CHECK(more == "more");
}

awaitable<> passes_a_cut_on(behind_layer& x, protocol p, std::shared_ptr<const transport> over) {
  const auto way = x.way(std::move(over));
  tcp::acceptor target(x.io, {loopback, 0});
  std::error_code ec;
  const auto c = co_await way->dial(ec);
  co_await say_head(*c, p.head({network::tcp, "127.0.0.1", target.local_endpoint().port()}) + "hi");
  tcp::socket there = co_await target.async_accept(asio::use_awaitable);
  const std::string hi = co_await read(there, 2);
  CHECK(hi == "hi");
  c->cut();
  const std::string end = co_await read_all(there);
  CHECK(end == "!");
  const auto d = co_await way->dial(ec);
  co_await say_head(*d, p.head({network::tcp, "127.0.0.1", target.local_endpoint().port()}));
  tcp::socket again = co_await target.async_accept(asio::use_awaitable);
  again.set_option(asio::socket_base::linger(true, 0));
  again.close();
  const std::string heard = co_await hear(*d, 100);
  CHECK(heard == "!");
}

void with_both(awaitable<> (*work)(behind_layer&, protocol, std::shared_ptr<const transport>),
               const std::shared_ptr<const transport>& server,
               const std::shared_ptr<const transport>& client) {
  for (const protocol& p : both()) {
    INFO(p.name);
    behind_layer(p.made(), server).run([&](behind_layer& x) { return work(x, p, client); });
  }
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
  });
}

TEST_CASE("grpc: a server that speaks something else", "[proxy][grpc]") {
  const protocol p = of_trojan();
  behind_layer(p.made(), layer(service("right"))).run([&](behind_layer& x) -> awaitable<> {
    tcp::socket s(x.io);
    co_await s.async_connect(x.at, asio::use_awaitable);
    co_await write(s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string heard = co_await read_all(s);
    CHECK(heard.substr(0, 3) == std::string("\0\0\x12", 3));  // its SETTINGS, at most
  });
}

TEST_CASE("grpc: main connections of Mux.Pro", "[proxy][grpc]") {
  server_engine server;
  targets t;
  const auto at = server.listen(tcp::endpoint(loopback, 0), transport_use(layer(service("mux"))));
  server.start();
  transport_dialer way(stream_address(host_port("127.0.0.1", at.port())),
                       transport_use(layer(service("mux"))));
  for (int i = 0; i < 3; ++i) CHECK(test::run(t.io, test::word_through(way, t.to_echo())) == "hello");
}
