// tls_stream: operations that are cancelled or lose their stream, streams below that end anywhere, and what a
// stream holds while it waits.
#include "catch.hpp"
#include "tls_link.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <array>
#include <vector>

namespace {

using namespace tls_test;
using namespace std::chrono_literals;
using asio::cancellation_type;

/// What an operation came to.
struct result {
  bool done = false;
  std::error_code ec;
  std::size_t n = 0;

  auto handler() {
    return [this](std::error_code e, std::size_t bytes = 0) { *this = {true, e, bytes}; };
  }
  auto handler(asio::cancellation_signal& stop) {
    return asio::bind_cancellation_slot(stop.slot(), handler());
  }
};

/// Writes until the stream below is full.
template <class Stream>
std::size_t fill_up(asio::io_context& io, Stream& s, result& last) {
  static const auto text = test::pattern(100'000);
  for (std::size_t all = 0;; all += last.n) {
    last = {};
    s.async_write_some(asio::buffer(text), last.handler());
    io.restart();
    io.run_for(20ms);
    if (!last.done) return all;
    REQUIRE_FALSE(last.ec);
  }
}

template <class Link>
std::error_code outcome_of(Link& l, result& r) {
  test::run_until(l.io, [&] { return r.done; });
  return r.ec;
}

}  // namespace

TEMPLATE_TEST_CASE("tls stream: a cancelled read loses nothing", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  std::array<std::byte, 1000> room;
  for (const auto type :
       {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
    asio::cancellation_signal stop;
    result read;
    l.client->async_read_some(asio::buffer(room), read.handler(stop));
    l.io.restart();
    l.io.run_for(1ms);
    CHECK_FALSE(read.done);
    stop.emit(type);
    CHECK(outcome_of(l, read) == asio::error::operation_aborted);
    REQUIRE(test::run(l.io, write_all(*l.server, test::pattern(500))) == std::error_code());
    std::error_code ec;
    CHECK((test::run(l.io, read_until(*l.client, 500, ec)) == test::pattern(500)));
  }
}

TEMPLATE_TEST_CASE("tls stream: a read can be cancelled in the middle of a record", "[proxy][tls]",
                   TLS_KINDS) {
  tls_link<TestType> l;
  asio::io_context& io = l.io;
  // What the server seals is passed on in two parts.
  auto [mine, its] = TestType::make(io, 1 << 20);
  std::swap(l.server->next_layer(), mine);
  const auto text = test::pattern(1000);
  REQUIRE(test::run(io, write_all(*l.server, text)) == std::error_code());
  test::byte_string record(1022);
  const auto take = [&]() { return asio::async_read(its, asio::buffer(record), asio::use_awaitable); };
  REQUIRE(test::run(io, take()) == record.size());
  REQUIRE(test::run(io, write_all(mine, {record.begin(), record.begin() + 500})) == std::error_code());
  asio::cancellation_signal stop;
  result read;
  test::byte_string room(2000);
  l.client->async_read_some(asio::buffer(room), read.handler(stop));
  io.restart();
  io.run_for(1ms);
  CHECK_FALSE(read.done);
  stop.emit(cancellation_type::total);
  CHECK(outcome_of(l, read) == asio::error::operation_aborted);
  REQUIRE(test::run(io, write_all(mine, {record.begin() + 500, record.end()})) == std::error_code());
  std::error_code ec;
  CHECK((test::run(io, read_until(*l.client, 1000, ec)) == text));
}

TEMPLATE_TEST_CASE("tls stream: a blocked write obeys terminal cancellation alone", "[proxy][tls]",
                   TLS_KINDS) {
  tls_link<TestType> l;
  const auto text = test::pattern(200'000);
  asio::cancellation_signal stop;
  result write;
  for (bool blocked = false; !blocked;) {
    write = {};
    l.client->async_write_some(asio::buffer(text), write.handler(stop));
    l.io.restart();
    l.io.run_for(20ms);
    blocked = !write.done;
  }
  stop.emit(cancellation_type::total);
  stop.emit(cancellation_type::partial);
  l.io.restart();
  l.io.run_for(1ms);
  CHECK_FALSE(write.done);
  stop.emit(cancellation_type::terminal);
  CHECK(outcome_of(l, write) == asio::error::operation_aborted);
  CHECK(test::run(l.io, write_all(*l.client, text)) == asio::error::operation_aborted);
  result end;
  l.client->async_shutdown(end.handler());
  CHECK(outcome_of(l, end) == asio::error::operation_aborted);
  REQUIRE(test::run(l.io, write_all(*l.server, test::pattern(100))) == std::error_code());
  CHECK(fate_of_read(l.io, *l.client) == std::error_code());
}

TEMPLATE_TEST_CASE("tls stream: a handshake and a shutdown can be cancelled", "[proxy][tls]", TLS_KINDS) {
  for (const role side : {role::client, role::server}) {
    asio::io_context io;
    auto [a, b] = TestType::make(io);
    tls_stream s(std::move(a), make_ssl(side));
    asio::cancellation_signal stop;
    result met;
    s.async_handshake(met.handler(stop));
    io.run_for(1ms);
    CHECK_FALSE(met.done);
    stop.emit(cancellation_type::terminal);
    test::run_until(io, [&] { return met.done; });
    CHECK(met.ec == asio::error::operation_aborted);
  }
  asio::io_context io;
  auto [a, b] = make_pipe(io.get_executor(), 0);
  tls_stream s(std::move(a), make_ssl(role::client));
  asio::cancellation_signal stop;
  result met;
  s.async_handshake(met.handler(stop));
  io.run_for(1ms);
  stop.emit(cancellation_type::terminal);
  test::run_until(io, [&] { return met.done; });
  CHECK(met.ec == asio::error::operation_aborted);
}

TEST_CASE("tls stream: a shutdown that waits for room can be cancelled", "[proxy][tls]") {
  tls_link<pipes> l;
  auto [a, b] = make_pipe(l.io.get_executor(), 0);
  l.client->next_layer() = std::move(a);
  asio::cancellation_signal stop;
  result end;
  l.client->async_shutdown(end.handler(stop));
  l.io.restart();
  l.io.run_for(1ms);
  CHECK_FALSE(end.done);
  stop.emit(cancellation_type::terminal);
  CHECK(outcome_of(l, end) == asio::error::operation_aborted);
}

TEMPLATE_TEST_CASE("tls stream: operations end when the stream below is closed", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  std::array<std::byte, 100> room;
  result read, write;
  l.client->async_read_some(asio::buffer(room), read.handler());
  fill_up(l.io, *l.client, write);
  l.client->next_layer().close();
  CHECK(outcome_of(l, read) == asio::error::operation_aborted);
  CHECK(outcome_of(l, write) == asio::error::operation_aborted);
}

TEMPLATE_TEST_CASE("tls stream: it may be destroyed under its operations", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  std::array<std::byte, 100> room;
  result read, write;
  l.client->async_read_some(asio::buffer(room), read.handler());
  fill_up(l.io, *l.client, write);
  l.client.reset();
  CHECK_FALSE(read.done);
  CHECK(outcome_of(l, read) == asio::error::operation_aborted);
  CHECK(outcome_of(l, write) == asio::error::operation_aborted);
}

TEMPLATE_TEST_CASE("tls stream: its context may go under its operations", "[proxy][tls]", TLS_KINDS) {
  std::array<std::byte, 100> room;
  const auto kept = std::make_shared<int>();
  {
    tls_link<TestType> l;
    result write;
    l.client->async_read_some(asio::buffer(room), [kept](std::error_code, std::size_t) {});
    fill_up(l.io, *l.server, write);
  }
  CHECK(kept.use_count() == 1);
}

TEMPLATE_TEST_CASE("tls stream: a peer that does not read bounds what a writer gets rid of", "[proxy][tls]",
                   TLS_KINDS) {
  tls_link<TestType> l;
  result write;
  const std::size_t taken = fill_up(l.io, *l.client, write);
  CHECK(taken < 1 << 20);
  CHECK(l.client->memory() <= tls_buffer::large);
  std::error_code ec;
  CHECK(test::run(l.io, read_until(*l.server, taken + 100'000, ec)).size() == taken + 100'000);
  CHECK(write.done);
}

TEMPLATE_TEST_CASE("tls stream: it has no memory while nothing is under way", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  CHECK(l.client->memory() == 0);
  CHECK(l.server->memory() == 0);
  test::byte_string room(300'000);
  for (const std::size_t size : sizes{300'000, 100}) {
    std::optional<std::error_code> written;
    asio::co_spawn(l.io, write_all(*l.client, test::pattern(size)),
                   [&](std::exception_ptr, std::error_code ec) { written = ec; });
    std::error_code ec;
    test::run(l.io, read_until(*l.server, size, ec));
    test::run_until(l.io, [&] { return written.has_value(); });
    CHECK(l.client->memory() == 0);
    CHECK(l.server->memory() == 0);
  }
  // A reader that waits: none on a socket, little on other streams.
  result read;
  l.server->async_read_some(asio::buffer(room), read.handler());
  CHECK(l.server->memory() <= (on_sockets<TestType> ? 0 : tls_buffer::small));
}

TEST_CASE("tls stream: the stream below may end anywhere", "[proxy][tls]") {
  constexpr std::size_t text = 40, record = text + 22;
  for (std::size_t end = 0; end <= 2 * record; ++end) {
    tls_link<pipes> l;
    auto [mine, its] = make_pipe(l.io.get_executor(), 1 << 16);
    std::swap(l.client->next_layer(), mine);
    for (int i = 0; i < 2; ++i) REQUIRE_FALSE(test::run(l.io, write_all(*l.client, test::pattern(text))));
    test::byte_string all(2 * record);
    const auto take = [&]() { return asio::async_read(its, asio::buffer(all), asio::use_awaitable); };
    test::run(l.io, take());
    all.resize(end);
    REQUIRE_FALSE(test::run(l.io, write_all(mine, all)));
    mine.async_shutdown([](std::error_code) {});
    std::error_code ec;
    CHECK(test::run(l.io, read_until(*l.server, 1000, ec)).size() == end / record * text);
    CHECK(ec == asio::error::connection_reset);
  }
}

TEMPLATE_TEST_CASE("tls stream: a peer that is gone leaves what it has sent", "[proxy][tls]", TLS_KINDS) {
  tls_link<TestType> l;
  REQUIRE_FALSE(test::run(l.io, write_all(*l.client, test::pattern(1000))));
  l.client.reset();
  CHECK(test::run(l.io, write_all(*l.server, test::pattern(1000))));
  CHECK(test::run(l.io, write_all(*l.server, test::pattern(1000))));
  if constexpr (on_sockets<TestType>) CHECK_FALSE(fate_of_read(l.io, *l.server));
  CHECK(fate_of_read(l.io, *l.server) == asio::error::connection_reset);
}
