// What a session runs over, and what runs over its sub-streams.
#include "certificate.hpp"
#include "session_support.hpp"

#include <asio/ssl.hpp>

namespace {

using namespace io_test;

using tls_sub_stream = asio::ssl::stream<sub_stream>;

awaitable<> tls_echo(tls_sub_stream s) {
  co_await s.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
  byte_string buffer(8192);
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(buffer), as_result);
    if (error) break;
    co_await asio::async_write(s, asio::buffer(buffer, n), asio::use_awaitable);
  }
  co_await s.async_shutdown(as_result);
}

awaitable<> tls_inside(session_pair& p, test_tls& tls) {
  stream_pair s = co_await open_pair(p);
  tls_sub_stream client(std::move(s.client), tls.client);
  tls_sub_stream server(std::move(s.server), tls.server);
  spawn(p.client.get_executor(), tls_echo(std::move(server)));
  co_await client.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  const byte_string data = pattern(200'000);
  byte_string back(data.size());
  expected_completion write;
  asio::async_write(client, asio::buffer(data), write.handler());
  co_await asio::async_read(client, asio::buffer(back), asio::use_awaitable);
  CHECK(back == data);
  co_await yield();
  CHECK(write.done());
  const auto [ended] = co_await client.async_shutdown(as_result);
  CHECK_FALSE(ended);
  CHECK(client.lowest_layer().stats().sent.bytes > data.size());
  co_await yield();
}

awaitable<> cut_inside(session_pair& p, test_tls& tls) {
  stream_pair s = co_await open_pair(p);
  tls_sub_stream client(std::move(s.client), tls.client);
  tls_sub_stream server(std::move(s.server), tls.server);
  expected_completion handshake;
  server.async_handshake(asio::ssl::stream_base::server, handshake.handler());
  co_await client.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  byte_string room(10);
  server.lowest_layer().reset(end_code::resources);
  const auto [error, n] = co_await client.async_read_some(asio::buffer(room), as_result);
  CHECK(error == end_code::resources);
}

// --- below

using tls_socket = asio::ssl::stream<tcp::socket>;

awaitable<> negotiate_tls(tls_socket& client, tls_socket& server) {
  expected_completion accepted;
  server.async_handshake(asio::ssl::stream_base::server, accepted.handler());
  co_await client.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  while (!accepted.done()) co_await yield(1);
}

awaitable<> bulk_echo(session& client, session& server) {
  spawn(client.get_executor(), serve_echo(server));
  sub_stream s = co_await client.async_open(with_data("first"));
  const byte_string data = pattern(200'000);
  byte_string back(data.size() + 5);
  expected_completion write;
  asio::async_write(s, asio::buffer(data), write.handler());
  co_await asio::async_read(s, asio::buffer(back), asio::use_awaitable);
  CHECK(test::has_pattern(std::span(back).subspan(5)));
  co_await s.async_shutdown();
  const read_result rest = co_await read_all(s);
  CHECK(rest.data.empty());
  CHECK(rest.error == asio::error::eof);
}

awaitable<> cut_below(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  p.client.close();
  const read_result got = co_await read_all(s.server);
  CHECK(got.error);
  CHECK(got.error != asio::error::eof);
}

// --- sessions in sessions

awaitable<> nested(session_pair& outer, int depth) {
  stream_pair link = co_await open_pair(outer);
  session_pair inner(session(std::move(link.client), role::client),
                     session(std::move(link.server), role::server));
  if (depth > 1) {
    co_await nested(inner, depth - 1);
  } else {
    co_await bulk_echo(inner.client, inner.server);
  }
  co_await inner.client.async_drain();
  inner.client.close();
  while (!inner.server_fate->has_value()) co_await yield(1);
  CHECK(inner.server_fate->value() == error_code());
  co_await yield();
  CHECK(outer.client.stats().streams == 0);
  CHECK(outer.server.stats().streams == 0);
  CHECK(outer.server.stats().ends_received.at(end_code::graceful) == 1);
}

awaitable<> outer_is_lost(session_pair& outer) {
  stream_pair link = co_await open_pair(outer);
  session_pair inner(session(std::move(link.client), role::client),
                     session(std::move(link.server), role::server));
  stream_pair s = co_await open_pair(inner);
  outer.server.close();
  const read_result got = co_await read_all(s.client);
  CHECK(got.error);
  CHECK(got.error != asio::error::eof);
  co_await yield();
  CHECK(inner.client_fate->has_value());
  CHECK(inner.server_fate->has_value());
}

// --- a user's type

/// The least that a session needs: no close(), no lowest_layer(), no default tokens.
class bare_stream {
 public:
  explicit bare_stream(pipe_end end) : end_(std::move(end)) {}
  auto get_executor() { return end_.get_executor(); }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return end_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return end_.async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  pipe_end end_;
};

static_assert(async_stream<bare_stream>);
static_assert(async_stream<sub_stream>);
static_assert(async_stream<pipe_end>);
static_assert(async_stream<tls_socket>);
static_assert(async_stream<tls_sub_stream>);
static_assert(async_stream<local::socket>);

}  // namespace

TEST_CASE("TLS inside a sub-stream", "[session][layers]") {
  asio::io_context context;
  session_pair p(context);
  test_tls tls;
  run(context, tls_inside(p, tls));
  run(context, cut_inside(p, tls));
}

TEST_CASE("a session over TLS over TCP", "[session][layers]") {
  asio::io_context context;
  test_tls tls;
  auto [a, b] = tcp_pair(context);
  tls_socket client(std::move(a), tls.client), server(std::move(b), tls.server);
  run(context, negotiate_tls(client, server));
  session_pair p(session(std::move(client), role::client), session(std::move(server), role::server));
  SECTION("echo") { run(context, bulk_echo(p.client, p.server)); }
  SECTION("a cut is never a clean end") { run(context, cut_below(p)); }
}

TEST_CASE("a session inside a sub-stream", "[session][layers]") {
  for (int depth = 1; depth <= 3; ++depth) {
    INFO("depth " << depth);
    asio::io_context context;
    session_pair outer(context);
    run(context, nested(outer, depth));
  }
}

TEST_CASE("a session inside a sub-stream that is lost", "[session][layers]") {
  asio::io_context context;
  session_pair outer(context);
  run(context, outer_is_lost(outer));
}

TEST_CASE("a session over a stream that cannot be closed", "[session][layers]") {
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor());
  session_pair p(session(bare_stream(std::move(a)), role::client),
                 session(bare_stream(std::move(b)), role::server));
  run(context, bulk_echo(p.client, p.server));
  p.client.close();
  p.server.close();
  run(context, yield());
  CHECK(p.client_fate->has_value());
  CHECK(p.server_fate->has_value());
}

TEST_CASE("a session over short reads and writes", "[session][layers]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    asio::io_context context;
    fault_options ragged;
    ragged.seed = seed;
    ragged.read.max_size = ragged.write.max_size = 1000;
    auto [a, b] = make_pipe(context.get_executor());
    using ragged_pipe = faulty_stream<pipe_end>;
    session_pair p(session(ragged_pipe(std::move(a), ragged), role::client),
                   session(ragged_pipe(std::move(b), ragged), role::server));
    run(context, bulk_echo(p.client, p.server));
  }
}
