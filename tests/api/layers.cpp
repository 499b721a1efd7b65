// What lies under a session: its layers, TCP_NODELAY, streams that break a rule of Asio; and its end.
#include "io/session_support.hpp"

#include <asio/ssl.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace io_test;

namespace {

int no_delay_of(int socket) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &value, &size);
  return value;
}

/// Completes inside the call that starts the operation where it can, as a stream must not.
class hasty_stream {
 public:
  using executor_type = asio::any_io_executor;

  explicit hasty_stream(tcp::socket socket) : socket_(std::move(socket)) { socket_.non_blocking(true); }
  executor_type get_executor() { return socket_.get_executor(); }
  void close() { socket_.close(); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& to, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& buffers) {
          error_code ec;
          const std::size_t n = socket_.read_some(buffers, ec);
          if (ec != asio::error::would_block) return handler(ec, n);
          socket_.async_read_some(buffers, std::move(handler));
        },
        token, to);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& buffers) {
          error_code ec;
          const std::size_t n = socket_.write_some(buffers, ec);
          if (ec != asio::error::would_block) return handler(ec, n);
          socket_.async_write_some(buffers, std::move(handler));
        },
        token, from);
  }

 private:
  tcp::socket socket_;
};

awaitable<> echo_much(session_pair& p) {
  spawn(p.server.get_executor(), serve_echo(p.server));
  sub_stream s = co_await p.client.async_open(to_tcp());
  const byte_string sent = pattern(300'000);
  byte_string back(sent.size());
  spawn(p.client.get_executor(), [](sub_stream& to, const byte_string& all) -> awaitable<> {
    co_await asio::async_write(to, asio::buffer(all), asio::use_awaitable);
  }(s, sent));
  co_await asio::async_read(s, asio::buffer(back), asio::use_awaitable);
  CHECK(back == sent);
}

}  // namespace

TEST_CASE("a session switches Nagle's algorithm off on its TCP socket", "[session][layers]") {
  asio::io_context io;
  auto [a, b] = tcp_pair(io);
  a.set_option(tcp::no_delay(false));
  b.set_option(tcp::no_delay(false));
  const int socket = a.native_handle(), as_it_was = b.native_handle();
  session_options keep;
  keep.tcp_no_delay = false;
  const session on(std::move(a), role::client), off(std::move(b), role::server, keep);
  CHECK(no_delay_of(socket) == 1);
  CHECK(no_delay_of(as_it_was) == 0);
}

TEST_CASE("a session switches Nagle's algorithm off below TLS", "[session][layers]") {
  asio::io_context io;
  asio::ssl::context tls(asio::ssl::context::tls_client);
  auto [a, b] = tcp_pair(io);
  a.set_option(tcp::no_delay(false));
  const int socket = a.native_handle();
  const session s(asio::ssl::stream<tcp::socket>(std::move(a), tls), role::client);
  CHECK(no_delay_of(socket) == 1);
}

TEST_CASE("the layers of a session are found by their types", "[session][layers]") {
  using tls_stream = asio::ssl::stream<tcp::socket>;
  asio::io_context io;
  asio::ssl::context tls(asio::ssl::context::tls_client);
  auto [a, b] = tcp_pair(io);
  const auto remote = a.remote_endpoint();
  session s(tls_stream(std::move(a), tls), role::client);
  REQUIRE(s.next_layer<tls_stream>());
  CHECK_FALSE(s.next_layer<tcp::socket>());
  CHECK(s.lowest_layer<tls_stream>() == s.next_layer<tls_stream>());
  REQUIRE(s.lowest_layer<tcp::socket>());
  CHECK(s.lowest_layer<tcp::socket>()->remote_endpoint() == remote);
  REQUIRE(s.lowest_layer<tls_stream::lowest_layer_type>());
  CHECK(s.lowest_layer<tls_stream::lowest_layer_type>()->remote_endpoint() == remote);
  CHECK_FALSE(s.lowest_layer<pipe_end>());
  s.close();
  CHECK_FALSE(s.next_layer<tls_stream>());
  CHECK_FALSE(s.lowest_layer<tcp::socket>());
}

TEST_CASE("a session reports whether it is open, and why it has ended", "[session][layers]") {
  asio::io_context io;
  session_pair p(io);
  test::run_until(io, [&] { return p.client.negotiated() && p.server.negotiated(); });
  CHECK(p.client.is_open());
  CHECK_FALSE(p.client.close_reason());
  p.client.close();
  test::run_until(io, [&] { return p.client_fate->has_value() && p.server_fate->has_value(); });
  CHECK_FALSE(p.client.is_open());
  CHECK(p.client.close_reason() == errc::session_closed);
  CHECK(p.server.close_reason() == errc::session_closed);
  CHECK_FALSE(session().is_open());
}

TEST_CASE("a stream that completes inside the call serves a session", "[session][layers]") {
  asio::io_context io;
  auto [a, b] = tcp_pair(io);
  session_pair p(session(hasty_stream(std::move(a)), role::client),
                 session(hasty_stream(std::move(b)), role::server));
  test::run(io, echo_much(p));
  p.client.close();
  test::run_until(io, [&] { return p.client_fate->has_value() && p.server_fate->has_value(); });
  CHECK_FALSE(**p.client_fate);
}
