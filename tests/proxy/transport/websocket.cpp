// WebSocket and HTTPUpgrade over sockets, TLS and pipes: what goes through, what a peer of its own sees, how
// it ends.
#include "catch.hpp"
#include "layer_meeting.hpp"
#include "tls_meeting.hpp"

#include "proxy/transport/websocket.hpp"
#include "proxy/transport/websocket_stream.hpp"

#include <muxpro/testing/hex.hpp>

#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <functional>
#include <string>
#include <vector>

namespace {

using namespace tls_test;
using namespace std::chrono_literals;
using muxpro::testing::from_hex;
using test::as_result;

upgrade_options at_chat(upgrade_protocol p = upgrade_protocol::websocket) {
  upgrade_options o(p);
  o.path = "/chat";
  o.host = "server.example";
  return o;
}
some_layer upgrade(role side, upgrade_options o = at_chat()) {
  return std::make_shared<const upgrade_transport>(side, std::move(o));
}
some_layer over_tls(role side, upgrade_protocol p) {
  const auto options = side == role::client ? of_client() : of_server();
  return stacked(std::make_shared<tls_transport>(side, options), upgrade(side, at_chat(p)));
}

std::string much() {
  std::string out(100'000, ' ');
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(i * i >> 3);
  return out;
}

const std::string request =
    "GET /chat HTTP/1.1\r\nHost: server.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A server, and a client that writes bytes.
struct alone {
  explicit alone(upgrade_options o = at_chat()) {
    auto [a, b] = socket_pair(io);
    peer.emplace(std::move(a));
    asio::co_spawn(io, open_layer(upgrade(role::server, std::move(o)), make_connection(std::move(b)), server),
                   asio::detached);
  }
  void send(const std::string& text) { asio::write(*peer, asio::buffer(text)); }
  void send_hex(std::string_view text) { asio::write(*peer, asio::buffer(from_hex(text))); }
  asio::awaitable<std::string> head() {
    std::string out;
    co_await asio::async_read_until(*peer, asio::dynamic_buffer(out), "\r\n\r\n", as_result);
    co_return out;
  }
  void handshake() {
    send(request);
    REQUIRE(test::run(io, head()).starts_with("HTTP/1.1 101 "));
    test::run_until(io, [this] { return server->done; });
    REQUIRE(server->c);
  }
  asio::awaitable<std::string> hex_of(std::size_t n) {
    std::vector<std::byte> got(n);
    const auto [ec, read] = co_await asio::async_read(*peer, asio::buffer(got), as_result);
    got.resize(read);
    std::string out = muxpro::testing::to_hex(got);
    std::erase(out, ' ');
    co_return out;
  }
  std::string gets(std::size_t n) { return test::run(io, hex_of(n)); }
  asio::awaitable<std::string> text_of(std::size_t n) {
    std::string out(n, ' ');
    std::size_t has = 0;
    std::error_code ec;
    while (has < n && !ec) has += co_await server->c->read_some(asio::buffer(out) + has, ec);
    out.resize(has);
    co_return ec ? out + "|" + ec.message() : out;
  }
  std::string hears(std::size_t n) { return test::run(io, text_of(n)); }

  asio::io_context io;
  std::optional<stream_socket> peer;
  std::shared_ptr<opened> server = std::make_shared<opened>();
};

}  // namespace

TEST_CASE("websocket: over a socket, TLS and a pipe", "[proxy][websocket]") {
  for (const auto p : {upgrade_protocol::websocket, upgrade_protocol::raw}) {
    layered plain(upgrade(role::client, at_chat(p)), upgrade(role::server, at_chat(p)));
    REQUIRE((plain.client->c && plain.server->c));
    CHECK(plain.both_ways("hello") == "same");
    CHECK(plain.both_ways(much()) == "same");
    layered secure(over_tls(role::client, p), over_tls(role::server, p));
    REQUIRE((secure.client->c && secure.server->c));
    CHECK(secure.server->c->greeted_with().name == "server.example");
    CHECK(secure.both_ways(much()) == "same");
    layered pipes(layered::by_pipe(), upgrade(role::client, at_chat(p)), upgrade(role::server, at_chat(p)));
    REQUIRE((pipes.client->c && pipes.server->c));
    CHECK(pipes.both_ways("hello") == "same");
    CHECK(pipes.both_ways(much().substr(0, 30'000)) == "same");
  }
}

TEST_CASE("websocket: an end leaves the other direction open, and both ends are a Close",
          "[proxy][websocket]") {
  {
    layered first(upgrade(role::client), upgrade(role::server));
    test::run(first.io, first.server->c->finish());
    CHECK(first.next_of(*first.client->c) == asio::error::eof);
    CHECK(test::run(first.io, say(*first.client->c, *first.server->c, "more")) == "more");
  }
  layered m(upgrade(role::client), upgrade(role::server));
  REQUIRE((m.client->c && m.server->c));
  test::run(m.io, m.client->c->finish());
  CHECK(m.next_of(*m.server->c) == asio::error::eof);
  CHECK(test::run(m.io, say(*m.server->c, *m.client->c, "an answer")) == "an answer");
  test::run(m.io, m.server->c->finish());
  CHECK(m.next_of(*m.client->c) == asio::error::eof);
  CHECK(test::run(m.io, say(*m.server->c, *m.client->c, "x")) == "Broken pipe");
}

TEST_CASE("websocket: a connection that ends without a Close was cut", "[proxy][websocket]") {
  layered m(upgrade(role::client), upgrade(role::server));
  REQUIRE((m.client->c && m.server->c));
  m.client->c->close();
  CHECK(m.next_of(*m.server->c) == asio::error::connection_reset);
}

TEST_CASE("websocket: a peer of its own kind gets a Close a second after a server's end",
          "[proxy][websocket]") {
  alone s;
  s.handshake();
  test::run(s.io, s.server->c->finish());
  CHECK(s.gets(5 + 4) ==
        "8a03656f66"
        "880203e8");
  s.send_hex("8880 01020304");
  CHECK(s.hears(1) == "|End of file");
}

TEST_CASE("websocket: fragments, pings between them, and a Close", "[proxy][websocket]") {
  alone s;
  s.handshake();
  s.send_hex(
      "01870102030449676f686e2e23898d0102030460706624786d7624756a667664008001020304808501020304766d7165658882"
      "0102030402ea");
  CHECK(s.hears(13).ends_with("|End of file"));
  CHECK(s.gets(15 + 4) == "8a0d61726520796f75207468657265880203e8");
}

TEST_CASE("websocket: a server's messages are not masked, and a mistake is answered by a Close",
          "[proxy][websocket]") {
  alone s;
  s.handshake();
  std::error_code ec;
  test::run(s.io, s.server->c->write(asio::buffer("hello", 5), ec));
  CHECK_FALSE(ec);
  CHECK(s.gets(7) == "820568656c6c6f");
  s.send_hex("820568656c6c6f");
  CHECK(s.hears(1) == "|Protocol error");
  CHECK(s.gets(4) == "880203ea");
}

TEST_CASE("websocket: frames right behind the request", "[proxy][websocket]") {
  alone s;
  s.send(request + "\x82\x85\x01\x02\x03\x04" + "igohn");
  CHECK(test::run(s.io, s.head()).starts_with("HTTP/1.1 101 "));
  CHECK(s.hears(5) == "hello");
}

TEST_CASE("websocket: early data come first", "[proxy][websocket]") {
  alone s;
  std::string early = request;
  early.insert(early.size() - 2, "Sec-WebSocket-Protocol: ZWFybHk\r\n");
  s.send(early + "\x82\x85\x01\x02\x03\x04" + "igohn");
  CHECK(test::run(s.io, s.head()).find("Sec-WebSocket-Protocol: ZWFybHk\r\n") != std::string::npos);
  CHECK(s.hears(10) == "earlyhello");
}

TEST_CASE("websocket: the source of X-Forwarded-For behind a trusted field", "[proxy][websocket]") {
  for (const bool trusted : {true, false}) {
    upgrade_options o = at_chat();
    if (trusted) o.trusted = {"x-real"};
    alone s(o);
    std::string head = request;
    head.insert(head.size() - 2, "X-Forwarded-For: 192.0.2.7\r\nX-Real: 1\r\n");
    s.send(head);
    test::run_until(s.io, [&] { return s.server->done; });
    REQUIRE(s.server->c);
    REQUIRE(s.server->c->came_from().has_value() == trusted);
    if (trusted) CHECK(s.server->c->came_from()->source.address().to_string() == "192.0.2.7");
  }
}

TEST_CASE("websocket: a stranger gets an answer, and the connection ends", "[proxy][websocket]") {
  const auto answer = [](const std::string& sent) {
    alone s;
    s.send(sent);
    const std::string head = test::run(s.io, s.head());
    test::run_until(s.io, [&] { return s.server->done; });
    CHECK_FALSE(s.server->c);
    CHECK(s.server->ec);
    CHECK(s.gets(1).empty());
    return head.substr(0, head.find("\r\n"));
  };
  CHECK(answer("GET / HTTP/1.1\r\nHost: server.example\r\n\r\n") == "HTTP/1.1 404 Not Found");
  CHECK(answer("GET /chat HTTP/1.1\r\nHost: server.example\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(answer("\x16\x03\x01\x00\x01") == "HTTP/1.1 400 Bad Request");
  CHECK(answer("GET / HTTP/1.1\r\nX: " + std::string(13'000, 'x')) == "HTTP/1.1 400 Bad Request");
}

TEST_CASE("websocket: a handshake that does not come to its end", "[proxy][websocket]") {
  upgrade_options o = at_chat();
  o.handshake = 30ms;
  alone s(o);
  s.send("GET /chat HTTP/1.1\r\n");
  test::run_until(s.io, [&] { return s.server->done; });
  CHECK(s.server->ec == asio::error::timed_out);
}

TEST_CASE("websocket: a heartbeat", "[proxy][websocket]") {
  upgrade_options o = at_chat();
  o.heartbeat = 5ms;
  alone s(o);
  s.handshake();
  CHECK(s.gets(4) == "89008900");
  s.send_hex("8a8001020304 82850102030469676f686e");
  CHECK(s.hears(5) == "hello");
}

TEST_CASE("websocket: a read that was cancelled has taken nothing, and pings wait for no caller's write",
          "[proxy][websocket]") {
  layered m(upgrade(role::client), upgrade(role::server));
  REQUIRE((m.client->c && m.server->c));
  asio::cancellation_signal stop;
  std::error_code ec;
  bool done = false;
  std::array<char, 8> room;
  const auto read = [](connection& c, asio::mutable_buffer into, std::error_code& why,
                       asio::cancellation_slot s) -> asio::awaitable<void> {
    co_await c.read_some(into, why, s);
  };
  asio::co_spawn(m.io, read(*m.server->c, asio::buffer(room), ec, stop.slot()),
                 [&](std::exception_ptr) { done = true; });
  m.io.poll();
  stop.emit(asio::cancellation_type::total);
  test::run_until(m.io, [&] { return done; });
  CHECK(ec == asio::error::operation_aborted);
  CHECK(m.both_ways("hello") == "same");
}

TEST_CASE("websocket: what waits ends with the connection", "[proxy][websocket]") {
  layered m(upgrade(role::client), upgrade(role::server));
  REQUIRE((m.client->c && m.server->c));
  std::error_code ec;
  bool done = false;
  std::array<char, 8> room;
  const auto read = [](connection& c, asio::mutable_buffer into,
                       std::error_code& why) -> asio::awaitable<void> { co_await c.read_some(into, why); };
  asio::co_spawn(m.io, read(*m.server->c, asio::buffer(room), ec), [&](std::exception_ptr) { done = true; });
  m.io.poll();
  m.server->c->cut();
  test::run_until(m.io, [&] { return done; });
  CHECK(ec == asio::error::operation_aborted);
}

TEST_CASE("websocket: a session over it", "[proxy][websocket]") {
  layered m(upgrade(role::client), upgrade(role::server));
  REQUIRE((m.client->c && m.server->c));
  session near = m.client->c->into_session(role::client, {}),
          far = m.server->c->into_session(role::server, {});
  near.async_run([](std::error_code) {});
  bool ended = false;
  far.async_run([&](std::error_code ec) { ended = !ec; });
  const auto exchange = [](session& a, session& b) -> asio::awaitable<std::string> {
    open_request to({network::tcp, "inner", 1});
    sub_stream up = co_await a.async_open(std::move(to));
    sub_stream down = co_await b.async_accept();
    const std::string text = much();
    co_await asio::async_write(up, asio::buffer(text.data(), 50'000), asio::use_awaitable);
    std::string got(50'000, ' ');
    co_await asio::async_read(down, asio::buffer(got), asio::use_awaitable);
    co_return got == text.substr(0, 50'000) ? "same" : "other";
  };
  CHECK(test::run(m.io, exchange(near, far)) == "same");
  test::run(m.io, near.async_close());
  test::run_until(m.io, [&] { return ended; });
}

namespace {

upgrade_options with_early_data() {
  upgrade_options o = at_chat();
  o.early_data = 100;
  return o;
}

/// A client that waits for its first data, and the bytes that a server gets.
struct asking {
  asking() {
    auto [a, b] = socket_pair(io);
    peer.emplace(std::move(b));
    asio::co_spawn(
        io, open_layer(upgrade(role::client, with_early_data()), make_connection(std::move(a)), client),
        asio::detached);
    test::run_until(io, [this] { return client->done; });
    REQUIRE(client->c);
  }
  asio::awaitable<std::string> head() {
    std::string out;
    co_await asio::async_read_until(*peer, asio::dynamic_buffer(out), "\r\n\r\n", as_result);
    co_return out;
  }
  asio::awaitable<void> write_both(std::string first, std::string second) {
    co_await client->c->write(asio::buffer(first), ec);
    if (!ec) co_await client->c->write(asio::buffer(second), ec);
    written = true;
  }
  asio::awaitable<void> read_all() {
    std::array<char, 64> room;
    while (!unread) {
      const std::size_t n = co_await client->c->read_some(asio::buffer(room), unread);
      got.append(room.data(), n);
    }
  }
  /// The answer to a request, and "hi" as the first message.
  std::string answer_to(const std::string& request) {
    const std::size_t at = request.find("Sec-WebSocket-Key: ") + 19;
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           websocket_accept(request.substr(at, 24)) + "\r\n\r\n\x82\x02hi";
  }

  asio::io_context io;
  std::optional<stream_socket> peer;
  std::shared_ptr<opened> client = std::make_shared<opened>();
  std::error_code ec, unread;
  std::string got;
  bool written = false;
};

}  // namespace

TEST_CASE("websocket: first data go with the request, the next ones wait for the answer",
          "[proxy][websocket]") {
  for (const std::size_t size : {5U, 100U, 101U}) {
    asking a;
    asio::co_spawn(a.io, a.read_all(), asio::detached);
    asio::co_spawn(a.io, a.write_both(std::string(size, 'x'), "second"), asio::detached);
    const std::string request = test::run(a.io, a.head());
    CHECK((request.find("Sec-WebSocket-Protocol: eHh4") != std::string::npos) == (size <= 100));
    a.io.poll();
    CHECK_FALSE(a.written);
    asio::write(*a.peer, asio::buffer(a.answer_to(request)));
    test::run_until(a.io, [&] { return a.written; });
    CHECK_FALSE(a.ec);
    CHECK(a.got == "hi");
    const std::size_t frames = 2 + 4 + 6 + (size > 100 ? 2 + 4 + size : 0);
    std::vector<std::byte> wire(frames);
    asio::read(*a.peer, asio::buffer(wire));
    websocket_reader r(true);
    const std::size_t n = r.next(wire);
    CHECK(std::string(reinterpret_cast<const char*>(wire.data()), n) ==
          (size > 100 ? std::string(size, 'x') : "") + "second");
  }
}

TEST_CASE("websocket: a refusal of first data ends reads and writes", "[proxy][websocket]") {
  asking a;
  asio::co_spawn(a.io, a.read_all(), asio::detached);
  asio::co_spawn(a.io, a.write_both("first", "second"), asio::detached);
  test::run(a.io, a.head());
  asio::write(*a.peer, asio::buffer(std::string("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")));
  test::run_until(a.io, [&] { return a.written && a.unread; });
  CHECK(a.ec == upgrade_errc::refused);
  CHECK(a.unread == upgrade_errc::refused);
}
