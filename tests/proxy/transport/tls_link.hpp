// Two tls_streams that have met, over pipes or over sockets, and what the tests do with them.
#pragma once

#include "tls_meeting.hpp"

#include "proxy/transport/tls_secrets.hpp"
#include "proxy/transport/tls_stream.hpp"

#include <muxpro/pipe.hpp>

#include <asio/read.hpp>
#include <asio/write.hpp>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace tls_test {

using sizes = std::initializer_list<std::size_t>;

struct free_context {
  void operator()(SSL_CTX* c) const noexcept { SSL_CTX_free(c); }
};
using context_ptr = std::unique_ptr<SSL_CTX, free_context>;

inline context_ptr make_context(role side) {
  context_ptr c(SSL_CTX_new(side == role::server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX_set_min_proto_version(c.get(), TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(c.get(), 0);
  SSL_CTX_set_session_cache_mode(c.get(), SSL_SESS_CACHE_OFF);
  if (side == role::client) return c;
  SSL_CTX_use_certificate_file(c.get(), known().server.certificate_file.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(c.get(), known().server.key_file.c_str(), SSL_FILETYPE_PEM);
  return c;
}

/// Whose records those behind a handshake are.
enum class records { own, of_openssl };

inline ssl_ptr make_ssl(SSL_CTX* of, role side) {
  ssl_ptr s(SSL_new(of));
  side == role::server ? SSL_set_accept_state(s.get()) : SSL_set_connect_state(s.get());
  return s;
}

inline ssl_ptr make_ssl(role side, records whose = records::own) {
  const auto make = [](role r, records w) {
    context_ptr c = make_context(r);
    if (w == records::own) share_secrets(c.get());
    return c;
  };
  static const context_ptr client = make(role::client, records::own),
                           server = make(role::server, records::own),
                           plain_client = make(role::client, records::of_openssl),
                           plain_server = make(role::server, records::of_openssl);
  const bool own = whose == records::own;
  if (side == role::server) return make_ssl((own ? server : plain_server).get(), side);
  return make_ssl((own ? client : plain_client).get(), side);
}

/// Pipes that hold `capacity` bytes in each direction.
struct pipes {
  static constexpr records client = records::own, server = records::own;
  using stream = pipe_end;
  static std::pair<pipe_end, pipe_end> make(asio::io_context& io, std::size_t capacity = 65536) {
    return make_pipe(io.get_executor(), capacity);
  }
};
struct sockets {
  static constexpr records client = records::own, server = records::own;
  using stream = stream_socket;
  static std::pair<stream_socket, stream_socket> make(asio::io_context& io, std::size_t = 0) {
    return socket_pair(io);
  }
};

struct openssl_client : sockets {
  static constexpr records client = records::of_openssl;
};
struct openssl_server : pipes {
  static constexpr records server = records::of_openssl;
};
struct openssl_sockets : sockets {
  static constexpr records client = records::of_openssl, server = records::of_openssl;
};
struct openssl_pipes : pipes {
  static constexpr records client = records::of_openssl, server = records::of_openssl;
};
/// For TEMPLATE_TEST_CASE.
#define TLS_KINDS pipes, sockets, openssl_client, openssl_server, openssl_sockets, openssl_pipes
template <class Kind>
constexpr bool on_sockets = std::is_base_of_v<sockets, Kind>;

/// A client and a server after their handshakes.
template <class Kind>
struct tls_link {
  using stream = tls_stream<typename Kind::stream>;

  explicit tls_link(std::size_t capacity = 65536)
      : tls_link(make_ssl(role::client, Kind::client), make_ssl(role::server, Kind::server), capacity) {}
  tls_link(ssl_ptr of_client, ssl_ptr of_server, std::size_t capacity = 65536) {
    auto [a, b] = Kind::make(io, capacity);
    client.emplace(std::move(a), std::move(of_client));
    server.emplace(std::move(b), std::move(of_server));
    bool done[2] = {};
    client->async_handshake([&](std::error_code ec) { done[0] = !ec; });
    server->async_handshake([&](std::error_code ec) { done[1] = !ec; });
    test::run_until(io, [&] { return done[0] && done[1]; });
  }

  asio::io_context io;
  std::optional<stream> client, server;
};

template <class Stream>
asio::awaitable<std::error_code> write_all(Stream& s, test::byte_string text) {
  const auto [ec, n] = co_await asio::async_write(s, asio::buffer(text), test::as_result);
  co_return ec;
}

/// What comes until there are `n` bytes or an error, in reads of `part`.
template <class Stream>
asio::awaitable<test::byte_string> read_until(Stream& s, std::size_t n, std::error_code& ec,
                                              std::size_t part = 200'000) {
  test::byte_string all, room(part);
  while (all.size() < n && !ec) {
    const auto [failed, got] = co_await s.async_read_some(asio::buffer(room), test::as_result);
    ec = failed;
    all.insert(all.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(got));
  }
  co_return all;
}

/// The error of the next read, or none if it gets bytes.
template <class Stream>
std::error_code fate_of_read(asio::io_context& io, Stream& s) {
  std::error_code ec;
  test::run(io, read_until(s, 1, ec));
  return ec;
}

}  // namespace tls_test
