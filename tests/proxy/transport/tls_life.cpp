// TLS between two sockets: how long a handshake may take, what ends it, and how a connection ends.
#include "catch.hpp"
#include "tls_meeting.hpp"

#include <muxpro/session.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace tls_test;
using namespace std::chrono_literals;
using test::as_result;

}  // namespace

TEST_CASE("tls: a peer that sends nothing, or little, is cut in time", "[proxy][tls]") {
  for (const role side : {role::client, role::server}) {
    asio::io_context io;
    auto [a, b] = socket_pair(io);
    tls_options o = side == role::client ? of_client() : of_server();
    o.handshake = 30ms;
    const auto out = std::make_shared<opened>();
    const auto begun = std::chrono::steady_clock::now();
    asio::co_spawn(io, open_into(std::make_shared<tls_transport>(side, o), std::move(a), out),
                   asio::detached);
    // A record that never ends, a byte at a time.
    asio::co_spawn(
        io,
        [](stream_socket& peer) -> asio::awaitable<void> {
          asio::steady_timer pause(peer.get_executor());
          const std::string record = "\x16\x03\x01\x40" + std::string(1000, '\x01');
          for (const char c : record) {
            const auto [ec, n] = co_await asio::async_write(peer, asio::buffer(&c, 1), as_result);
            if (ec) co_return;
            pause.expires_after(1ms);
            co_await pause.async_wait(asio::use_awaitable);
          }
        }(b),
        asio::detached);
    test::run_until(io, [&] { return out->done; });
    CHECK(out->ec == asio::error::timed_out);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
  }
}

TEST_CASE("tls: a handshake can be cancelled", "[proxy][tls]") {
  asio::io_context io;
  auto [a, b] = socket_pair(io);
  const auto out = std::make_shared<opened>();
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(io, open_into(std::make_shared<tls_transport>(role::server, of_server()), std::move(a), out),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { ended = true; }));
  io.run_for(10ms);
  CHECK_FALSE(ended);
  stop.emit(asio::cancellation_type::terminal);
  test::run_until(io, [&] { return ended; });
  CHECK_FALSE(out->c);
}

TEST_CASE("tls: an io_context may go in the middle of a handshake", "[proxy][tls]") {
  const auto out = std::make_shared<opened>();
  const auto transport = std::make_shared<tls_transport>(role::server, of_server());
  {
    asio::io_context io;
    auto [a, b] = socket_pair(io);
    asio::co_spawn(io, open_into(transport, std::move(a), out), asio::detached);
    io.run_for(10ms);
  }
  CHECK_FALSE(out->done);
}

TEST_CASE("tls: hostile bytes end a handshake", "[proxy][tls]") {
  using namespace std::string_literals;
  std::vector<std::string> hostile{"GET / HTTP/1.1\r\n\r\n",
                                   "\x05\x01\x00"s,
                                   std::string(100'000, '\xff'),
                                   "\x16\x03\x01\xff\xff"s + std::string(70'000, '\0'),
                                   "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"s,
                                   "\x15\x03\x01\x00\x02\x02\x28"s,
                                   "\x14\x03\x03\x00\x01\x01"s,
                                   std::string(20, '\0'),
                                   ""};
  for (const role side : {role::client, role::server}) {
    for (const std::string& bytes : hostile) {
      asio::io_context io;
      auto [a, b] = socket_pair(io);
      const auto out = std::make_shared<opened>();
      tls_options o = side == role::client ? of_client() : of_server();
      asio::co_spawn(io, open_into(std::make_shared<tls_transport>(side, o), std::move(a), out),
                     asio::detached);
      asio::async_write(b, asio::buffer(bytes), [&](std::error_code, std::size_t) {
        std::error_code ignored;
        b.shutdown(asio::socket_base::shutdown_send, ignored);
      });
      test::run_until(io, [&] { return out->done; });
      CHECK(out->ec);
      CHECK_FALSE(out->c);
    }
  }
}

TEST_CASE("tls: the end of one direction leaves the other", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  test::run(m.io, m.client->c->finish());
  CHECK(test::run(m.io, read_one(*m.server->c)) == asio::error::eof);
  CHECK(test::run(m.io, say(*m.server->c, *m.client->c, "still there")) == "still there");
  test::run(m.io, m.server->c->finish());
  CHECK(test::run(m.io, read_one(*m.client->c)) == asio::error::eof);
}

TEST_CASE("tls: a cut is no end", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  m.client->c->cut();
  CHECK(test::run(m.io, read_one(*m.server->c)) == asio::error::connection_reset);
}

TEST_CASE("tls: a session over it is negotiated, carries, and ends in good order", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  session client = m.client->c->into_session(role::client, {}),
          server = m.server->c->into_session(role::server, {});
  std::optional<std::error_code> fate;
  client.async_run([](std::error_code) {});
  server.async_run([&](std::error_code ec) { fate = ec; });
  asio::co_spawn(
      m.io,
      [](session& s) -> asio::awaitable<void> {
        sub_stream stream = co_await s.async_accept();
        std::vector<char> room(100'000);
        co_await asio::async_read(stream, asio::buffer(room), asio::use_awaitable);
        co_await asio::async_write(stream, asio::buffer(room), asio::use_awaitable);
        co_await stream.async_shutdown();
        co_await stream.async_read_some(asio::buffer(room), as_result);
      }(server),
      asio::detached);
  const auto work = [](session& s) -> asio::awaitable<bool> {
    sub_stream stream = co_await s.async_open({{network::tcp, "example.com", 80}});
    auto bytes = test::pattern(100'000);
    co_await asio::async_write(stream, asio::buffer(bytes), asio::use_awaitable);
    test::byte_string back(bytes.size());
    co_await asio::async_read(stream, asio::buffer(back), asio::use_awaitable);
    co_await stream.async_shutdown();
    co_return back == bytes;
  };
  CHECK(test::run(m.io, work(client)));
  const auto close = [](session& s) -> asio::awaitable<std::error_code> {
    co_await s.async_drain();
    const auto [closed] = co_await s.async_close(as_result);
    co_return closed;
  };
  CHECK(test::run(m.io, close(client)) == std::error_code());
  test::run_until(m.io, [&] { return fate.has_value(); });
  CHECK(*fate == std::error_code());
}

TEST_CASE("tls: a session over it that is cut without sub-streams is no good order", "[proxy][tls]") {
  meeting m(of_client(), of_server());
  REQUIRE(m.both());
  session client = m.client->c->into_session(role::client, {}),
          server = m.server->c->into_session(role::server, {});
  std::optional<std::error_code> fate;
  client.async_run([](std::error_code) {});
  server.async_run([&](std::error_code ec) { fate = ec; });
  test::run_until(m.io, [&] { return server.negotiated() && client.negotiated(); });
  client.close();
  test::run_until(m.io, [&] { return fate.has_value(); });
  CHECK(*fate == asio::error::connection_reset);
}
