// The raw carrier with heads of HTTP in front of its bytes.
#include "catch.hpp"
#include "layer_meeting.hpp"

#include "proxy/transport/disguise.hpp"

#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>

#include <memory>
#include <optional>
#include <string>

namespace {

using namespace tls_test;
using test::as_result;

http_disguise at_path() {
  http_disguise d;
  d.paths = {"/video"};
  d.checks_path = true;
  return d;
}
some_layer disguised(role side, http_disguise d = at_path()) {
  return std::make_shared<const disguise_transport>(side, std::move(d));
}
some_layer disguised_tls(role side) {
  const auto options = side == role::client ? of_client() : of_server();
  return stacked(std::make_shared<tls_transport>(side, options), disguised(side));
}

/// One side, and a peer that is written by hand.
struct beside_peer {
  explicit beside_peer(role side) {
    auto [a, b] = socket_pair(io);
    peer.emplace(std::move(a));
    asio::co_spawn(io, open_layer(disguised(side), make_connection(std::move(b)), ours), asio::detached);
  }
  void send(const std::string& text) { asio::write(*peer, asio::buffer(text)); }
  asio::awaitable<std::string> head() {
    std::string out;
    co_await asio::async_read_until(*peer, asio::dynamic_buffer(out), "\r\n\r\n", as_result);
    co_return out;
  }
  asio::awaitable<std::string> text_of(std::size_t n) {
    std::string out(n, ' ');
    std::size_t has = 0;
    std::error_code ec;
    while (has < n && !ec) has += co_await ours->c->read_some(asio::buffer(out) + has, ec);
    out.resize(has);
    co_return ec ? out + "|" + ec.message() : out;
  }
  void until_done() {
    test::run_until(io, [this] { return ours->done; });
  }

  asio::io_context io;
  std::optional<stream_socket> peer;
  std::shared_ptr<opened> ours = std::make_shared<opened>();
};

}  // namespace

TEST_CASE("disguise: over a socket, TLS and a pipe", "[proxy][disguise]") {
  layered plain(disguised(role::client), disguised(role::server));
  REQUIRE((plain.client->c && plain.server->c));
  CHECK(plain.both_ways("hello") == "same");
  CHECK(plain.both_ways(std::string(100'000, 'x')) == "same");
  layered tls(disguised_tls(role::client), disguised_tls(role::server));
  REQUIRE((tls.client->c && tls.server->c));
  CHECK(tls.both_ways("hello") == "same");
  layered pipe(layered::by_pipe(), disguised(role::client), disguised(role::server));
  REQUIRE((pipe.client->c && pipe.server->c));
  CHECK(pipe.both_ways("hello") == "same");
}

TEST_CASE("disguise: a server answers a head at once and leaves what follows it", "[proxy][disguise]") {
  beside_peer s(role::server);
  s.send("GET /video HTTP/1.1\r\nHost: a\r\n\r\nhello");
  s.until_done();
  REQUIRE(s.ours->c);
  CHECK(test::run(s.io, s.head()).starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(test::run(s.io, s.text_of(5)) == "hello");
}

TEST_CASE("disguise: a server refuses another path and what is no head", "[proxy][disguise]") {
  for (const std::string& sent :
       {std::string("GET /other HTTP/1.1\r\n\r\n"), std::string("\x05\x01\x00\r\n\r\n", 7)}) {
    beside_peer s(role::server);
    s.send(sent);
    s.until_done();
    CHECK_FALSE(s.ours->c);
    CHECK(s.ours->ec == errc::bad_answer);
    CHECK(test::run(s.io, s.head()).starts_with("HTTP/1.1 404 Not Found\r\n"));
  }
}

TEST_CASE("disguise: a head of more than 8192 bytes is refused", "[proxy][disguise]") {
  beside_peer s(role::server);
  s.send("GET /video HTTP/1.1\r\nA: " + std::string(8192, 'x'));
  s.until_done();
  CHECK(s.ours->ec == errc::bad_answer);
}

TEST_CASE("disguise: a client sends at once, and its server's head may come with the first bytes",
          "[proxy][disguise]") {
  beside_peer c(role::client);
  c.until_done();
  REQUIRE(c.ours->c);
  CHECK(test::run(c.io, c.head()).starts_with("GET /video HTTP/1.1\r\n"));
  c.send("HTTP/1.1 200 OK\r\nDate: now\r\n");
  c.send("\r\nhello");
  CHECK(test::run(c.io, c.text_of(5)) == "hello");
  c.send("again");
  CHECK(test::run(c.io, c.text_of(5)) == "again");
}

TEST_CASE("disguise: a read that is cancelled inside the server's head loses no byte of it",
          "[proxy][disguise]") {
  beside_peer c(role::client);
  c.until_done();
  REQUIRE(c.ours->c);
  asio::cancellation_signal stop;
  std::array<char, 8> room;
  std::error_code ec;
  bool done = false;
  auto read = [&]() -> asio::awaitable<void> {
    co_await c.ours->c->read_some(asio::buffer(room), ec, stop.slot());
    done = true;
  };
  asio::co_spawn(c.io, read(), asio::detached);
  c.send("HTTP/1.1 200");
  for (int i = 0; i < 100; ++i) c.io.poll();
  REQUIRE_FALSE(done);
  stop.emit(asio::cancellation_type::terminal);
  test::run_until(c.io, [&] { return done; });
  CHECK(ec == asio::error::operation_aborted);
  c.send(" OK\r\n\r\nhello");
  CHECK(test::run(c.io, c.text_of(5)) == "hello");
}

TEST_CASE("disguise: the end of a server within its head is the end", "[proxy][disguise]") {
  beside_peer c(role::client);
  c.until_done();
  REQUIRE(c.ours->c);
  c.send("HTTP/1.1 200");
  c.peer.reset();
  const std::string got = test::run(c.io, c.text_of(5));
  CHECK(got.starts_with("|"));
}
