// chunk_stream: text goes through whole, in any cuts, and ends as it should.
#include "catch.hpp"
#include "chunk_link.hpp"

#include <muxpro/relay.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <array>
#include <vector>

namespace {

using namespace chunk_test;

template <class Link>
void send_through(Link& l, const test::byte_string& text, std::size_t part = 200'000) {
  std::optional<std::error_code> written;
  asio::co_spawn(l.io, write_all(*l.client, text),
                 [&](std::exception_ptr, std::error_code ec) { written = ec; });
  std::error_code ec;
  const auto got = test::run(l.io, read_until(*l.server, text.size(), ec, part));
  CHECK(ec == std::error_code());
  CHECK((got == text));
  test::run_until(l.io, [&] { return written.has_value(); });
  CHECK(*written == std::error_code());
}

template <class Link>
void send_below(Link& l, std::string_view text) {
  std::error_code ec;
  test::run(l.io, l.below_client->write(asio::buffer(text), ec));
  REQUIRE(ec == std::error_code());
}

template <class Stream>
void shut_down(asio::io_context& io, Stream& s) {
  const auto shutdown = [&s]() { return s.async_shutdown(asio::use_awaitable); };
  test::run(io, shutdown());
}

}  // namespace

TEMPLATE_TEST_CASE("chunk stream: text of any size goes through", "[proxy][chunks]", pipes, sockets) {
  chunk_link<TestType> l;
  for (const std::size_t size : sizes{1, 2, 999, 1000, 1001, 65536, 262144, 300'000, 1 << 20})
    send_through(l, test::pattern(size));
}

TEST_CASE("chunk stream: the stream below may cut chunks anywhere", "[proxy][chunks]") {
  for (const std::size_t capacity : sizes{1, 2, 3, 5, 100, 999, 1001, 1002, 1003, 1004, 1005}) {
    chunk_link<pipes> l(capacity);
    send_through(l, test::pattern(5000));
    send_through(l, test::pattern(10'000));
  }
}

TEMPLATE_TEST_CASE("chunk stream: a reader may take parts of chunks", "[proxy][chunks]", pipes, sockets) {
  chunk_link<TestType> l;
  for (const std::size_t part : sizes{1, 7, 999, 1001, 5000}) send_through(l, test::pattern(20'000), part);
}

TEST_CASE("chunk stream: one read takes many chunks, and a write seals many", "[proxy][chunks]") {
  chunk_link<sockets> l;
  const auto text = test::pattern(100'000);
  std::size_t taken = 0;
  l.client->async_write_some(asio::buffer(text), [&](std::error_code, std::size_t n) { taken = n; });
  test::run_until(l.io, [&] { return taken > 0; });
  CHECK(taken == text.size());
  std::vector<std::byte> room(text.size());
  const auto read = [&]() { return l.server->async_read_some(asio::buffer(room), asio::use_awaitable); };
  CHECK(test::run(l.io, read()) >= 50'000);
}

TEST_CASE("chunk stream: a gather write goes in full chunks", "[proxy][chunks]") {
  chunk_link<sockets> l;
  const auto text = test::pattern(10'000);
  std::vector<asio::const_buffer> parts;
  for (std::size_t at = 0; at < text.size(); at += 250) {
    parts.push_back(asio::buffer(text.data() + at, 250));
    parts.emplace_back();
  }
  const auto write = [&]() { return l.client->async_write_some(parts, asio::use_awaitable); };
  CHECK(test::run(l.io, write()) == text.size());
  std::vector<std::byte> wire(20'000);
  std::error_code ec;
  CHECK(test::run(l.io, l.below_server->read_some(asio::buffer(wire), ec)) == toy_head + 10 * (2 + 1000 + 1));
}

TEMPLATE_TEST_CASE("chunk stream: nothing is read or written at once", "[proxy][chunks]", pipes, sockets) {
  chunk_link<TestType> l;
  const auto read = [&]() { return l.client->async_read_some(asio::mutable_buffer(), asio::use_awaitable); };
  const auto write = [&]() { return l.client->async_write_some(asio::const_buffer(), asio::use_awaitable); };
  CHECK(test::run(l.io, read()) == 0);
  CHECK(test::run(l.io, write()) == 0);
}

TEMPLATE_TEST_CASE("chunk stream: each direction ends by itself", "[proxy][chunks]", pipes, sockets) {
  for (const bool has_end : {true, false}) {
    chunk_link<TestType> l(65536, has_end);
    shut_down(l.io, *l.client);
    CHECK(fate_of_read(l.io, *l.server) == asio::error::eof);
    CHECK(fate_of_read(l.io, *l.server) == asio::error::eof);
    REQUIRE(test::run(l.io, write_all(*l.server, test::pattern(100))) == std::error_code());
    CHECK(fate_of_read(l.io, *l.client) == std::error_code());
    shut_down(l.io, *l.server);
    CHECK(fate_of_read(l.io, *l.client) == asio::error::eof);
    CHECK(test::run(l.io, write_all(*l.server, test::pattern(1))) == errc::already_shut_down);
    shut_down(l.io, *l.server);
  }
}

TEST_CASE("chunk stream: the connection below may end between chunks, and nowhere else", "[proxy][chunks]") {
  const std::string wire("HI\0\2\x9e\x9d!\0\1\x9c!", 11);  // "ab", "c"
  const auto may_end = [](std::size_t n) { return n == 0 || n == 2 || n == 7 || n == 11; };
  for (std::size_t n = 0; n <= wire.size(); ++n) {
    chunk_link<pipes> l;
    if (n > 0) send_below(l, wire.substr(0, n));
    test::run(l.io, l.below_client->finish());
    std::error_code ec;
    const auto text = test::run(l.io, read_until(*l.server, 100, ec));
    CHECK(test::to_text(text) == std::string("abc").substr(0, n < 7 ? 0 : n < 11 ? 2 : 3));
    const std::error_code clean = asio::error::eof, cut = asio::error::connection_reset;
    CHECK(ec == (may_end(n) ? clean : cut));
  }
}

TEST_CASE("chunk stream: what came before a wrong chunk is read", "[proxy][chunks]") {
  chunk_link<sockets> l;
  send_below(l, std::string_view("HI\0\2\x9e\x9d!\0\1\x9c?\0\1\x9c!", 15));
  std::error_code ec;
  CHECK(test::to_text(test::run(l.io, read_until(*l.server, 100, ec))) == "ab");
  CHECK(ec == errc::bad_answer);
  CHECK(fate_of_read(l.io, *l.server) == errc::bad_answer);
}

TEST_CASE("chunk stream: bytes that were read before come first", "[proxy][chunks]") {
  chunk_link<sockets> l;
  send_below(l, std::string_view("\x9d!", 2));
  const auto before = test::to_bytes(std::string_view("HI\0\2\x9e", 5));
  l.server.emplace(l.below_server, toy_codecs(), before);
  std::error_code ec;
  CHECK(test::to_text(test::run(l.io, read_until(*l.server, 2, ec))) == "ab");
}

TEMPLATE_TEST_CASE("chunk stream: a read that is cancelled loses nothing", "[proxy][chunks]", pipes,
                   sockets) {
  chunk_link<TestType> l;
  send_below(l, "HI");
  asio::cancellation_signal stop;
  std::array<std::byte, 10> room;
  std::optional<std::error_code> ended;
  const auto read = [&] {
    ended.reset();
    l.server->async_read_some(
        asio::buffer(room),
        asio::bind_cancellation_slot(stop.slot(), [&](std::error_code ec, std::size_t) { ended = ec; }));
  };
  for (const std::string_view part : {std::string_view("\0", 1), std::string_view("\2\x9e", 2)}) {
    read();
    send_below(l, part);
    while (l.io.poll() > 0) l.io.restart();
    CHECK_FALSE(ended);
    stop.emit(asio::cancellation_type::total);
    test::run_until(l.io, [&] { return ended.has_value(); });
    CHECK(*ended == asio::error::operation_aborted);
  }
  read();
  send_below(l, "\x9d!");
  test::run_until(l.io, [&] { return ended.has_value(); });
  CHECK(*ended == std::error_code());
  CHECK(test::to_text(std::span(room).first(2)) == "ab");
}

TEMPLATE_TEST_CASE("chunk stream: what is pending ends with the connection below", "[proxy][chunks]", pipes,
                   sockets) {
  chunk_link<TestType> l;
  const auto much = test::pattern(8 << 20);
  std::optional<std::error_code> written, read;
  std::array<std::byte, 10> room;
  asio::co_spawn(l.io, write_all(*l.client, much),
                 [&](std::exception_ptr, std::error_code ec) { written = ec; });
  l.client->async_read_some(asio::buffer(room), [&](std::error_code ec, std::size_t) { read = ec; });
  for (int i = 0; i < 100; ++i) l.io.poll(), l.io.restart();
  CHECK_FALSE(written);
  SECTION("that is closed") { l.client->close(); }
  SECTION("that is cut") { l.client->reset(end_code::timeout); }
  test::run_until(l.io, [&] { return written && read; });
  CHECK(*written == asio::error::operation_aborted);
  CHECK(*read == asio::error::operation_aborted);
}

TEMPLATE_TEST_CASE("chunk stream: what is pending ends with the stream", "[proxy][chunks]", pipes, sockets) {
  chunk_link<TestType> l;
  std::optional<std::error_code> read;
  std::array<std::byte, 10> room;
  l.client->async_read_some(asio::buffer(room), [&](std::error_code ec, std::size_t) { read = ec; });
  l.client.reset();
  test::run_until(l.io, [&] { return read.has_value(); });
  CHECK(*read == asio::error::operation_aborted);
}

TEMPLATE_TEST_CASE("chunk stream: the context may go first", "[proxy][chunks]", pipes, sockets) {
  const auto held = std::make_shared<int>();
  std::optional<chunk_stream> outlives;
  {
    chunk_link<TestType> l;
    static std::array<std::byte, 10> room;
    static const auto much = test::pattern(8 << 20);
    l.client->async_read_some(asio::buffer(room), [held](std::error_code, std::size_t) {});
    l.client->async_write_some(asio::buffer(much), [held](std::error_code, std::size_t) {});
    l.client->async_write_some(asio::const_buffer(), [held](std::error_code, std::size_t) {});
    l.io.poll();
    CHECK(held.use_count() > 1);
    if (std::is_same_v<TestType, pipes>) outlives = std::move(l.client);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("chunk stream: it has no memory while it waits on a socket", "[proxy][chunks]") {
  chunk_link<sockets> l;
  send_through(l, test::pattern(300'000));
  detail::relay_access<chunk_stream> access;
  bool ready = false;
  l.server->async_wait_for_bytes([&](std::error_code, std::size_t) { ready = true; });
  l.io.restart();
  l.io.poll();
  CHECK_FALSE(ready);
  CHECK(l.server->memory() == 0);
  CHECK(l.client->memory() == 0);
  REQUIRE(test::run(l.io, write_all(*l.client, test::pattern(10))) == std::error_code());
  test::run_until(l.io, [&] { return ready; });
  std::array<std::byte, 100> room;
  std::error_code ec;
  CHECK(access.read_now(*l.server, room, ec) == 10);
  CHECK(access.read_now(*l.server, room, ec) == 0);
  CHECK(ec == asio::error::would_block);
}

TEMPLATE_TEST_CASE("chunk stream: a relay carries it, both ways to their ends", "[proxy][chunks]", pipes,
                   sockets) {
  chunk_link<TestType> l;
  auto [near, far] = make_pipe(l.io.get_executor());
  const auto c = make_chunked(l.below_server, toy_codecs(), {});
  const auto target = make_connection(std::move(far));
  std::optional<std::error_code> relayed;
  async_relay(c->stream_to_relay(), target->stream_to_relay(), relay_options(),
              [&](std::error_code ec, const relay_result&) { relayed = ec; });
  const auto up = test::pattern(700'000), down = test::pattern(900'000, 7);
  std::error_code ec;
  asio::co_spawn(l.io, write_all(*l.client, up), asio::detached);
  CHECK((test::run(l.io, read_until(near, up.size(), ec)) == up));
  shut_down(l.io, *l.client);
  CHECK(fate_of_read(l.io, near) == asio::error::eof);
  asio::co_spawn(l.io, write_all(near, down), asio::detached);
  CHECK((test::run(l.io, read_until(*l.client, down.size(), ec)) == down));
  shut_down(l.io, near);
  CHECK(fate_of_read(l.io, *l.client) == asio::error::eof);
  test::run_until(l.io, [&] { return relayed.has_value(); });
  CHECK(*relayed == std::error_code());
}

TEST_CASE("chunk stream: a session runs over it, and drains with the connection below", "[proxy][chunks]") {
  chunk_link<sockets> l;
  const auto c = make_chunked(l.below_server, toy_codecs(), {});
  bool drained = false;
  c->set_close_hooks({[&] { drained = true; }, nullptr});
  l.below_server->drain();
  CHECK(drained);
  session server = c->into_session(role::server, {});
  session client(std::move(*l.client), role::client, {});
  server.async_run([](std::error_code) {});
  client.async_run([](std::error_code) {});
  const auto open = [&]() -> asio::awaitable<sub_stream> {
    return client.async_open(open_request({network::tcp, "host", 1}), asio::use_awaitable);
  };
  const auto accept = [&]() -> asio::awaitable<sub_stream> {
    return server.async_accept(asio::use_awaitable);
  };
  sub_stream a = test::run(l.io, open());
  REQUIRE(test::run(l.io, write_all(a, test::pattern(50'000))) == std::error_code());
  sub_stream b = test::run(l.io, accept());
  std::error_code ec;
  CHECK((test::run(l.io, read_until(b, 50'000, ec)) == test::pattern(50'000)));
}
