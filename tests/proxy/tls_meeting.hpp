// Two sockets or a pipe, TLS between its ends, and both sides after their handshakes.
#pragma once

#include "certificates.hpp"
#include "support.hpp"

#include "proxy/transport/tls.hpp"

#include <muxpro/pipe.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>

#include <memory>
#include <string>
#include <utility>

namespace tls_test {

using namespace muxpro;
using namespace muxpro::proxy;

inline const test::certificates& known() {
  static const test::certificates all;
  return all;
}

inline std::pair<stream_socket, stream_socket> socket_pair(asio::io_context& io) {
  asio::local::stream_protocol::socket a(io), b(io);
  asio::local::connect_pair(a, b);
  return {stream_socket(std::move(a)), stream_socket(std::move(b))};
}

inline tls_options of_server(const test::identity& who = known().server) {
  tls_options o;
  o.certificate = who.certificate_file;
  o.key = who.key_file;
  return o;
}

inline tls_options of_client(const std::string& name = "server.example") {
  tls_options o;
  o.name = name;
  o.authority = known().ca.certificate_file;
  return o;
}

struct opened {
  bool done = false;
  std::error_code ec;
  std::shared_ptr<connection> c;
};

using ends = std::pair<std::shared_ptr<connection>, std::shared_ptr<connection>>;
inline ends ends_of_sockets(asio::io_context& io) {
  auto [a, b] = socket_pair(io);
  return {make_connection(std::move(a)), make_connection(std::move(b))};
}
/// What a test writes at once fits.
inline ends ends_of_pipe(asio::io_context& io) {
  auto [a, b] = make_pipe(io.get_executor(), 1 << 20);
  return {make_connection(std::move(a)), make_connection(std::move(b))};
}

inline asio::awaitable<void> open_into(std::shared_ptr<tls_transport> t, std::shared_ptr<connection> below,
                                       std::shared_ptr<opened> out) {
  out->c = co_await t->open(std::move(below), out->ec);
  out->done = true;
}

inline asio::awaitable<void> open_into(std::shared_ptr<tls_transport> t, stream_socket s,
                                       std::shared_ptr<opened> out) {
  return open_into(std::move(t), std::shared_ptr<connection>(make_connection(std::move(s))), std::move(out));
}

/// Both sides after their handshakes.
struct meeting {
  meeting(tls_options client_side, tls_options server_side,
          ends (*below)(asio::io_context&) = ends_of_sockets)
      : meeting(std::make_shared<tls_transport>(role::client, std::move(client_side)),
                std::make_shared<tls_transport>(role::server, std::move(server_side)), below) {}
  meeting(std::shared_ptr<tls_transport> client_side, std::shared_ptr<tls_transport> server_side,
          ends (*below)(asio::io_context&) = ends_of_sockets) {
    auto [a, b] = below(io);
    asio::co_spawn(io, open_into(std::move(client_side), std::move(a), client), asio::detached);
    asio::co_spawn(io, open_into(std::move(server_side), std::move(b), server), asio::detached);
    test::run_until(io, [this] { return client->done && server->done; });
  }
  bool both() const { return client->c && server->c; }

  asio::io_context io;
  std::shared_ptr<opened> client = std::make_shared<opened>(), server = std::make_shared<opened>();
};

inline asio::awaitable<std::string> say(connection& from, connection& to, std::string text) {
  std::error_code ec;
  co_await from.write(asio::buffer(text), ec);
  if (ec) co_return ec.message();
  std::string heard(text.size(), '\0');
  std::size_t n = 0;
  while (n < heard.size() && !ec) n += co_await to.read_some(asio::buffer(heard) + n, ec);
  co_return ec ? ec.message() : heard;
}

inline asio::awaitable<std::error_code> read_one(connection& from) {
  char c;
  std::error_code ec;
  co_await from.read_some(asio::buffer(&c, 1), ec);
  co_return ec;
}

}  // namespace tls_test
