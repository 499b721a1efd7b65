// Relays between streams of all kinds: TCP and local sockets, sub-streams, TLS, a user's type.
#include "relay_support.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/ssl.hpp>

#include <cstring>

using namespace io_test;

namespace {

using asio::ip::tcp;
using local = asio::local::stream_protocol;

template <class Protocol>
using sockets = std::pair<typename Protocol::socket, typename Protocol::socket>;

template <class Protocol>
sockets<Protocol> connected(asio::io_context& context) {
  sockets<Protocol> out{typename Protocol::socket(context), typename Protocol::socket(context)};
  if constexpr (std::same_as<Protocol, local>) {
    asio::local::connect_pair(out.first, out.second);
  } else {
    typename Protocol::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    out.first.connect(acceptor.local_endpoint());
    acceptor.accept(out.second);
  }
  return out;
}

template <class Stream>
awaitable<> finish_sending(Stream& s) {
  co_await s.async_shutdown(as_result);
}
awaitable<> finish_sending(tcp::socket& s) {
  s.shutdown(tcp::socket::shutdown_send);
  co_return;
}

template <class Stream>
awaitable<> send_then_eof(Stream& s, std::string_view text) {
  co_await asio::async_write(s, asio::buffer(text), asio::use_awaitable);
  co_await finish_sending(s);
}

template <class Stream>
awaitable<> expect_end(Stream& s, std::string_view text, error_code how) {
  const read_result got = co_await read_to_end(s);
  CHECK(got.text() == text);
  CHECK(got.error == how);
}

template <class A, class B>
awaitable<> expect_relay(A& a, B& b, relay_outcome& out) {
  auto result = co_await async_relay(a, b, relay_options(), as_result);
  out = {1, std::get<0>(result), std::get<1>(result)};
}

}  // namespace

TEST_CASE("a relay between TCP sockets half-closes and ends clean", "[relay][tcp]") {
  asio::io_context context;
  auto [client, a] = connected<tcp>(context);
  auto [b, server] = connected<tcp>(context);
  relay_outcome out;
  spawn(context, expect_relay(a, b, out));
  spawn(context, send_then_eof(client, "question"));
  test::run(context, expect_end(server, "question", eof));
  CHECK(out.calls == 0);
  spawn(context, send_then_eof(server, "answer"));
  test::run(context, expect_end(client, "answer", eof));
  test::run_until(context, [&] { return out.done(); });
  CHECK(out.is(no_error));
  CHECK((out.result.a_to_b == 8 && out.result.b_to_a == 6));
}

TEST_CASE("a relay between TCP sockets passes 8 MiB each way", "[relay][tcp]") {
  asio::io_context context;
  auto [client, a] = connected<tcp>(context);
  auto [b, server] = connected<tcp>(context);
  relay_outcome out;
  const byte_string data = pattern(8 << 20);
  const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  spawn(context, expect_relay(a, b, out));
  spawn(context, send_then_eof(client, text));
  spawn(context, send_then_eof(server, text));
  spawn(context, expect_end(server, text, eof));
  test::run(context, expect_end(client, text, eof));
  test::run_until(context, [&] { return out.done(); });
  CHECK(out.is(no_error));
  CHECK((out.result.a_to_b == data.size() && out.result.b_to_a == data.size()));
}

TEST_CASE("what was passed up to EOF is not taken back when a relay gives up the rest", "[relay][tcp]") {
  asio::io_context context;
  auto [client, a] = connected<tcp>(context);
  auto [b, server] = connected<tcp>(context);
  client.set_option(asio::socket_base::receive_buffer_size(4096));
  a.set_option(asio::socket_base::send_buffer_size(1 << 18));
  relay_options options;
  options.uplink_only = options.idle = 50ms;  // the kernel holds bytes: idle is the limit
  const byte_string data = pattern(1 << 17);
  const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  spawn(context, send_then_eof(server, text));
  error_code why;
  const auto relay = [&]() -> awaitable<> {
    const auto [error, result] = co_await async_relay(a, b, options, as_result);
    why = error;
  };
  // The client reads only after the end of the relay, which never gets its EOF.
  test::run(context, relay());
  CHECK(why == asio::error::timed_out);
  test::run(context, expect_end(client, text, eof));
}

TEST_CASE("a relay passes the abort of a TCP peer on as an abort", "[relay][tcp]") {
  for (const bool client_aborts : {true, false}) {
    asio::io_context context;
    auto [client, a] = connected<tcp>(context);
    auto [b, server] = connected<tcp>(context);
    relay_outcome out;
    spawn(context, expect_relay(a, b, out));
    tcp::socket& aborts = client_aborts ? client : server;
    aborts.set_option(asio::socket_base::linger(true, 0));
    aborts.close();
    test::run(context, expect_end(client_aborts ? server : client, "", reset));
    test::run_until(context, [&] { return out.done(); });
    CHECK(out.is(reset));
    CHECK(out.result.failed == (client_aborts ? relay_side::a : relay_side::b));
    CHECK_FALSE(a.is_open());
    CHECK_FALSE(b.is_open());
  }
}

TEST_CASE("a relay joins a local socket and a sub-stream", "[relay]") {
  asio::io_context context;
  auto [client, a] = connected<local>(context);
  session_pair sessions(context);
  auto streams = test::run(context, open_pair(sessions));
  relay_outcome out;
  spawn(context, expect_relay(a, streams.client, out));
  asio::write(client, asio::buffer("up", 2));
  client.shutdown(local::socket::shutdown_send);
  test::run(context, expect_end(streams.server, "up", eof));
  spawn(context, send_then_eof(streams.server, "down"));
  test::run(context, expect_end(client, "down", eof));
  test::run_until(context, [&] { return out.done(); });
  CHECK(out.is(no_error));
  CHECK(streams.client.stats().sent.bytes == 2);
}

TEST_CASE("a relay resets a sub-stream with the reason", "[relay]") {
  asio::io_context context;
  manual_clock clock(context);
  session_pair near(context), far(context);
  auto in = test::run(context, open_pair(near));
  auto out = test::run(context, open_pair(far));
  relay_outcome result;
  asio::cancellation_signal stop;
  relay_options options;
  options.idle = 20s;
  async_relay(in.server, out.client, options,
              asio::bind_cancellation_slot(stop.slot(), keep_relay_outcome{&result}));
  run_ready(context);
  SECTION("an end code goes through") {
    out.server.reset(end_code::unreachable);
    test::run(context, expect_end(in.client, "", end_code::unreachable));
    CHECK(result.is(end_code::unreachable));
    CHECK(result.result.failed == relay_side::b);
  }
  SECTION("a lost session is a disconnect") {
    near.client.close();
    test::run(context, expect_end(out.server, "", end_code::remote_disconnect));
    CHECK(result.is(reset));
    CHECK(result.result.failed == relay_side::a);
  }
  SECTION("idle") {
    clock.run_for(context, 20s);
    test::run(context, expect_end(out.server, "", end_code::timeout));
    test::run(context, expect_end(in.client, "", end_code::timeout));
    CHECK(result.is(asio::error::timed_out));
  }
  SECTION("cancelled") {
    stop.emit(asio::cancellation_type::terminal);
    test::run(context, expect_end(out.server, "", end_code::remote_disconnect));
    test::run(context, expect_end(in.client, "", end_code::remote_disconnect));
    CHECK(result.is(asio::error::operation_aborted));
  }
}

namespace {

/// TLS without certificates.
struct tls_context {
  explicit tls_context(int tls_version) : context(asio::ssl::context::tls) {
    SSL_CTX* const c = context.native_handle();
    SSL_CTX_set_min_proto_version(c, tls_version);
    SSL_CTX_set_max_proto_version(c, tls_version);
    SSL_CTX_set_cipher_list(c, "PSK-AES128-GCM-SHA256");
    SSL_CTX_set_psk_client_callback(
        c, [](SSL*, const char*, char* name, unsigned, unsigned char* key, unsigned) {
          std::strcpy(name, "test");
          std::memset(key, 7, 32);
          return 32u;
        });
    SSL_CTX_set_psk_server_callback(c, [](SSL*, const char*, unsigned char* key, unsigned) {
      std::memset(key, 7, 32);
      return 32u;
    });
  }
  asio::ssl::context context;
};

using tls_stream = asio::ssl::stream<pipe_end>;

/// client (TLS) <-> a (TLS), relayed to b <-> server.
struct tls_relayed {
  explicit tls_relayed(int tls_version) : tls(tls_version) {
    client->async_handshake(asio::ssl::stream_base::client, [](error_code error) { REQUIRE_FALSE(error); });
    a->async_handshake(asio::ssl::stream_base::server, [](error_code error) { REQUIRE_FALSE(error); });
    run_ready(context);
    async_relay(*a, right.first, relay_options(), keep_relay_outcome{&out});
  }

  asio::io_context context;
  manual_clock clock{context};
  tls_context tls;
  std::pair<pipe_end, pipe_end> left = make_pipe(context.get_executor(), 1000);
  std::pair<pipe_end, pipe_end> right = make_pipe(context.get_executor(), 1000);
  std::unique_ptr<tls_stream> client = std::make_unique<tls_stream>(std::move(left.first), tls.context);
  std::unique_ptr<tls_stream> a = std::make_unique<tls_stream>(std::move(left.second), tls.context);
  pipe_end& server = right.second;
  relay_outcome out;
};

}  // namespace

TEST_CASE("a relay half-closes TLS and goes on reading it", "[relay][tls]") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_relayed r(version);
    spawn(r.context, send_then_eof(r.server, "all I have"));
    test::run(r.context, expect_end(*r.client, "all I have", eof));
    const std::string more(100'000, 'm');
    spawn(r.context, send_then_eof(*r.client, more));
    test::run(r.context, expect_end(r.server, more, eof));
    test::run_until(r.context, [&] { return r.out.done(); });
    CHECK(r.out.is(no_error));
    CHECK(r.out.result.a_to_b == more.size());
  }
}

TEST_CASE("a relay passes close_notify on and the answer back", "[relay][tls]") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_relayed r(version);
    spawn(r.context, send_then_eof(*r.client, "question"));
    test::run(r.context, expect_end(r.server, "question", eof));
    spawn(r.context, send_then_eof(r.server, "answer"));
    run_ready(r.context);
    CHECK(r.out.is(no_error));
    CHECK(r.out.result.b_to_a == 6);
  }
}

TEST_CASE("TLS that ends without close_notify is a cut", "[relay][tls]") {
  tls_relayed r(TLS1_3_VERSION);
  r.client->next_layer().async_shutdown([](error_code) {});
  test::run(r.context, expect_end(r.server, "", reset));
  run_ready(r.context);
  CHECK(r.out.is(asio::ssl::error::stream_truncated));
  CHECK(r.out.result.failed == relay_side::a);
}

TEST_CASE("a cut reaches through TLS", "[relay][tls]") {
  tls_relayed r(TLS1_3_VERSION);
  r.server.close();
  test::run(r.context, expect_end(*r.client, "", reset));
  run_ready(r.context);
  CHECK(r.out.is(reset));
}

namespace {

/// A stream that can only be read, written and closed.
class plain_stream {
 public:
  explicit plain_stream(pipe_end next) : next_(std::move(next)) {}
  asio::any_io_executor get_executor() { return next_.get_executor(); }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return next_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return next_.async_write_some(buffers, std::forward<Token>(token));
  }
  void close() { next_.close(); }

 private:
  pipe_end next_;
};

}  // namespace

TEST_CASE("a stream that cannot be half-closed is the caller's to end", "[relay]") {
  asio::io_context context;
  auto left = make_pipe(context.get_executor());
  auto right = make_pipe(context.get_executor());
  plain_stream a(std::move(left.second)), b(std::move(right.first));
  relay_outcome out;
  async_relay(a, b, relay_options(), keep_relay_outcome{&out});
  spawn(context, send_then_eof(left.first, "up"));
  spawn(context, send_then_eof(right.second, "down"));
  spawn(context, expect_end(left.first, "down", reset));
  test::run_until(context, [&] { return out.done(); });
  CHECK(out.is(no_error));
  CHECK((out.result.a_to_b == 2 && out.result.b_to_a == 4));
  a.close();
  run_ready(context);
}

namespace {

/// A TCP socket that its peer has reset. The write that gets the error consumes it, and a pending read
/// gets EOF, and may complete first.
class reset_stream {
 public:
  explicit reset_stream(asio::io_context& c) : context_(c) {}
  asio::any_io_executor get_executor() { return context_.get_executor(); }

  template <class Token>
  auto async_read_some(asio::mutable_buffer, Token&& token) {
    const auto start = [this](auto handler) { reader_ = keep(std::move(handler)); };
    return asio::async_initiate<Token, void(error_code, std::size_t)>(start, token);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers&, Token&& token) {
    const auto start = [this](auto handler) {
      if (reader_) tell(std::exchange(reader_, nullptr), eof);
      tell(keep(std::move(handler)), reset);
    };
    return asio::async_initiate<Token, void(error_code, std::size_t)>(start, token);
  }
  void close() { reader_ = nullptr; }

 private:
  using call = std::function<void(error_code)>;
  template <class Handler>
  static call keep(Handler handler) {
    return [h = std::make_shared<Handler>(std::move(handler))](error_code ec) { std::move (*h)(ec, 0); };
  }
  void tell(call c, error_code ec) {
    asio::post(context_, [c = std::move(c), ec] { c(ec); });
  }

  asio::io_context& context_;
  call reader_;
};

}  // namespace

TEST_CASE("EOF that a reset has left behind is a cut", "[relay]") {
  asio::io_context context;
  reset_stream a(context);
  auto [b, server] = make_pipe(context.get_executor());
  relay_outcome out;
  async_relay(a, b, relay_options(), keep_relay_outcome{&out});
  asio::async_write(server, asio::buffer("late", 4), [](error_code, std::size_t) {});
  spawn(context, expect_end(server, "", reset));
  test::run_until(context, [&] { return out.done(); });
  CHECK(out.is(reset));
  run_ready(context);
}
