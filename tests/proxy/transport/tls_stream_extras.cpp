// tls_stream: what protocols that make more of TLS need. Bytes that were read early, a hook around the
// handshake, reads of one record, a stream below that is handed back.
#include "catch.hpp"
#include "tls_link.hpp"

#include <vector>

namespace {

using namespace tls_test;

/// What comes out of `s` until there are `n` bytes or an error.
template <class Stream>
test::byte_string text_of(asio::io_context& io, Stream& s, std::size_t n) {
  std::error_code ec;
  return test::run(io, read_until(s, n, ec));
}

}  // namespace

TEMPLATE_TEST_CASE("tls stream: bytes that were read early come first", "[proxy][tls]", TLS_KINDS) {
  for (const std::size_t early : sizes{1, 5, 6, 100}) {
    asio::io_context io;
    auto [a, b] = TestType::make(io);
    tls_stream client(std::move(a), make_ssl(role::client));
    int met = 0;
    const auto done = [&](std::error_code ec) { met += ec ? 0 : 1; };
    client.async_handshake(done);
    tls_extras extras;
    extras.early.resize(early);
    const auto take = [&]() { return asio::async_read(b, asio::buffer(extras.early), asio::use_awaitable); };
    REQUIRE(test::run(io, take()) == early);
    tls_stream server(std::move(b), make_ssl(role::server), std::move(extras));
    server.async_handshake(done);
    test::run_until(io, [&] { return met == 2; });
    REQUIRE_FALSE(test::run(io, write_all(client, test::pattern(1000))));
    CHECK((text_of(io, server, 1000) == test::pattern(1000)));
  }
}

TEST_CASE("tls stream: a hook stands around each step of the handshake", "[proxy][tls]") {
  asio::io_context io;
  auto [a, b] = pipes::make(io);
  tls_stream client(std::move(a), make_ssl(role::client));
  int met = 0, steps = 0;
  const auto done = [&](std::error_code ec) { met += ec ? 0 : 1; };
  tls_extras extras;
  extras.handshake = [&](SSL* s) {
    ++steps;
    return SSL_do_handshake(s);
  };
  tls_stream server(std::move(b), make_ssl(role::server), std::move(extras));
  client.async_handshake(done);
  server.async_handshake(done);
  test::run_until(io, [&] { return met == 2; });
  CHECK(steps >= 3);
}

TEMPLATE_TEST_CASE("tls stream: one record at a time, and the rest with the stream below", "[proxy][tls]",
                   TLS_KINDS) {
  tls_link<TestType> l(1 << 20);
  l.server->read_one_record_at_a_time();
  const auto record = test::pattern(100);
  for (int i = 0; i < 3; ++i) REQUIRE_FALSE(test::run(l.io, write_all(*l.client, record)));
  // Not TLS any more, and no close_notify either.
  const auto raw = test::to_bytes("raw bytes that look like no record");
  l.client->stop_writing();
  REQUIRE_FALSE(test::run(l.io, write_all(l.client->next_layer(), raw)));
  bool ended = false;
  l.client->async_shutdown([&](std::error_code) { ended = true; });
  test::run_until(l.io, [&] { return ended; });

  for (int i = 0; i < 2; ++i) CHECK((text_of(l.io, *l.server, 1) == record));
  CHECK(l.server->opened() == 0);
  test::byte_string part(60);
  const auto read = [&]() { return l.server->async_read_some(asio::buffer(part), asio::use_awaitable); };
  CHECK(test::run(l.io, read()) == 60);
  CHECK(l.server->opened() == 40);
  CHECK(test::run(l.io, read()) == 40);
  CHECK(l.server->opened() == 0);

  auto unread = l.server->stop_reading();
  auto& rest = l.server->next_layer();
  CHECK(l.server->unopened().empty());
  if (unread.size() < raw.size()) {
    test::byte_string more(raw.size() - unread.size());
    const auto take = [&]() { return asio::async_read(rest, asio::buffer(more), asio::use_awaitable); };
    test::run(l.io, take());
    unread.insert(unread.end(), more.begin(), more.end());
  }
  CHECK((unread == raw));
}

TEMPLATE_TEST_CASE("tls stream: OpenSSL gets no part of a record then", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l(1 << 20);
  l.server->read_one_record_at_a_time();
  auto [mine, its] = TestType::make(l.io, 1 << 20);
  std::swap(l.client->next_layer(), mine);
  REQUIRE_FALSE(test::run(l.io, write_all(*l.client, test::pattern(1000))));
  test::byte_string record(1022);
  const auto take = [&]() { return asio::async_read(its, asio::buffer(record), asio::use_awaitable); };
  REQUIRE(test::run(l.io, take()) == record.size());
  REQUIRE_FALSE(test::run(l.io, write_all(mine, {record.begin(), record.begin() + 500})));
  test::byte_string room(2000);
  std::size_t got = 0;
  l.server->async_read_some(asio::buffer(room), [&](std::error_code, std::size_t n) { got = n; });
  l.io.restart();
  l.io.run_for(std::chrono::milliseconds(2));
  CHECK(got == 0);
  CHECK(l.server->unopened().size() == 500);
  REQUIRE_FALSE(test::run(l.io, write_all(mine, {record.begin() + 500, record.end()})));
  test::run_until(l.io, [&] { return got > 0; });
  CHECK(got == 1000);
  CHECK(l.server->unopened().empty());
}

TEMPLATE_TEST_CASE("tls stream: a wait for bytes ends when a read would", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  bool ready = false;
  std::error_code why;
  const auto wait = [&] {
    ready = false;
    l.server->async_wait_for_bytes([&](std::error_code ec, std::size_t) {
      ready = true;
      why = ec;
    });
  };
  wait();
  l.io.restart();
  l.io.run_for(std::chrono::milliseconds(2));
  CHECK_FALSE(ready);
  REQUIRE_FALSE(test::run(l.io, write_all(*l.client, test::pattern(20'000))));
  test::run_until(l.io, [&] { return ready; });
  std::error_code ec;
  test::byte_string all, room(7000);
  while (all.size() < 20'000) {
    const std::size_t n = l.server->read_now(room, ec);
    all.insert(all.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n));
    if (ec != asio::error::would_block) continue;
    CHECK(n == 0);
    wait();
    test::run_until(l.io, [&] { return ready; });
  }
  CHECK((all == test::pattern(20'000)));
  CHECK(l.server->read_now(room, ec) == 0);
  CHECK(ec == asio::error::would_block);
  CHECK(l.server->memory() == 0);
  wait();
  l.client->async_shutdown([](std::error_code) {});
  test::run_until(l.io, [&] { return ready; });
  CHECK_FALSE(why);
  CHECK(l.server->read_now(room, ec) == 0);
  CHECK(ec == asio::error::eof);
  CHECK(fate_of_read(l.io, *l.server) == asio::error::eof);
}
