// Stream sockets of either kind, TCP or unix, as one type: connecting and listening.
#pragma once

#include "common.hpp"

#include <asio/awaitable.hpp>
#include <asio/basic_socket_acceptor.hpp>
#include <asio/connect.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

namespace examples {

using std::error_code;
using stream_socket = asio::generic::stream_protocol::socket;
using stream_endpoint = asio::generic::stream_protocol::endpoint;
using stream_acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

/// co_await f(or_error(ec)) puts the error into `ec` instead of throwing it.
inline auto or_error(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

inline std::string to_string(const stream_endpoint& e) {
  const int family = e.protocol().family();
  if (family != AF_INET && family != AF_INET6) return "unix socket";
  asio::ip::tcp::endpoint ip;
  std::memcpy(ip.data(), e.data(), e.size());
  ip.resize(e.size());
  const std::string host = ip.address().to_string();
  if (family == AF_INET6) return fmt::format("[{}]:{}", host, ip.port());
  return fmt::format("{}:{}", host, ip.port());
}

/// Mux.Pro writes whole batches of frames: waiting for more to fill a segment only costs time.
inline void send_at_once(stream_socket& socket) {
  error_code ignored;
  const auto local = socket.local_endpoint(ignored);
  const int family = local.protocol().family();
  if (family == AF_INET || family == AF_INET6) socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

inline asio::local::stream_protocol::endpoint unix_endpoint(const endpoint& e) {
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  if (e.path.size() > longest)
    throw failure(fmt::format("the path of {} is longer than {} bytes", e.text, longest));
  return asio::local::stream_protocol::endpoint(e.path);
}

inline asio::awaitable<stream_socket> connect_unix(endpoint where) {
  const auto to = unix_endpoint(where);
  asio::local::stream_protocol::socket socket(co_await asio::this_coro::executor);
  error_code ec;
  co_await socket.async_connect(to, or_error(ec));
  if (ec) throw failure(fmt::format("cannot connect to {}: {}", where.text, ec.message()));
  co_return stream_socket(std::move(socket));
}

inline asio::awaitable<stream_socket> connect_tcp(endpoint where, std::chrono::seconds limit) {
  using asio::ip::tcp;
  const auto executor = co_await asio::this_coro::executor;
  error_code ec;
  tcp::resolver resolver(executor);
  const std::string port = std::to_string(where.port);
  const auto found = co_await resolver.async_resolve(where.host, port, or_error(ec));
  if (ec) throw failure(fmt::format("cannot find the host '{}': {}", where.host, ec.message()));

  // Shared with the timer's handler, which may be on its way already when the timer is destroyed.
  auto socket = std::make_shared<tcp::socket>(executor);
  asio::steady_timer deadline(executor, limit);
  deadline.async_wait([socket](error_code expired) {
    if (!expired) socket->close(expired);
  });
  co_await asio::async_connect(*socket, found, or_error(ec));
  if (ec == asio::error::operation_aborted) ec = asio::error::timed_out;
  if (ec) throw failure(fmt::format("cannot connect to {}: {}", where.text, ec.message()));
  stream_socket connected(std::move(*socket));
  send_at_once(connected);
  co_return connected;
}

/// Throws failure with the whole sentence.
inline asio::awaitable<stream_socket> connect_to(endpoint where, std::chrono::seconds limit) {
  if (where.is_unix()) return connect_unix(std::move(where));
  return connect_tcp(std::move(where), limit);
}

/// The path of a listening unix socket: removed at the end, unless another program has taken it meanwhile.
class socket_file {
 public:
  socket_file() noexcept = default;
  explicit socket_file(std::string path) : path_(std::move(path)) { ::lstat(path_.c_str(), &made_); }
  socket_file(socket_file&& other) noexcept : path_(std::exchange(other.path_, {})), made_(other.made_) {}
  socket_file& operator=(socket_file&&) = delete;
  ~socket_file() {
    struct stat now {};
    if (path_.empty() || ::lstat(path_.c_str(), &now) != 0) return;
    if (now.st_dev == made_.st_dev && now.st_ino == made_.st_ino) ::unlink(path_.c_str());
  }

 private:
  std::string path_;
  struct stat made_ {};
};

/// Makes way for a new listener: what a server left behind that was killed is removed, nothing else.
inline void remove_stale_socket(asio::io_context& io, const endpoint& where) {
  struct stat found {};
  if (::lstat(where.path.c_str(), &found) != 0) return;
  if (!S_ISSOCK(found.st_mode))
    throw failure(fmt::format("cannot listen on {}: the path exists and is no socket", where.text));
  asio::local::stream_protocol::socket probe(io);
  error_code ec;
  probe.open({}, ec);
  probe.non_blocking(true, ec);
  probe.connect(unix_endpoint(where), ec);
  if (!ec || ec == asio::error::would_block)  // the second: its queue of connections is full
    throw failure(fmt::format("cannot listen on {}: a running server uses the path", where.text));
  if (ec != asio::error::connection_refused)
    throw failure(fmt::format("cannot listen on {}: {}", where.text, ec.message()));
  ::unlink(where.path.c_str());
}

struct listener {
  stream_acceptor acceptor;
  socket_file file;
  std::string name;  ///< with the port that was chosen if the user asked for port 0
};

/// Throws failure with the whole sentence.
inline listener listen_on(asio::io_context& io, const endpoint& where) {
  error_code ec;
  stream_endpoint address;
  if (where.is_unix()) {
    address = unix_endpoint(where);
    remove_stale_socket(io, where);
  } else {
    asio::ip::tcp::resolver resolver(io);
    const auto found = resolver.resolve(where.host, std::to_string(where.port), ec);
    if (ec) throw failure(fmt::format("cannot find the host '{}': {}", where.host, ec.message()));
    address = found.begin()->endpoint();
  }
  stream_acceptor acceptor(io);
  acceptor.open(address.protocol(), ec);
  if (!ec && !where.is_unix()) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(address, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) throw failure(fmt::format("cannot listen on {}: {}", where.text, ec.message()));
  if (where.is_unix()) return {std::move(acceptor), socket_file(where.path), where.text};
  std::string name = to_string(acceptor.local_endpoint());
  return {std::move(acceptor), socket_file(), std::move(name)};
}

}  // namespace examples
