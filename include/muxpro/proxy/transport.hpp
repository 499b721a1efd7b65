// What lies between a socket and the connection over it: nothing, TLS, or something of yours. Ring 4.
#pragma once

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <system_error>

namespace muxpro::proxy {

/// One side of it, shared by all threads and not changed while it serves. Derive from it for a transport of
/// your own, and name it in a transport_registry so that configuration files know it.
class transport {
 public:
  virtual ~transport() = default;
  /// `socket` has just been connected or accepted. Returns the connection when the handshake, if there is
  /// one, is over; nothing, and why in `ec`, if it failed or took too long: every transport has a limit for
  /// that. The socket is closed then. What it throws costs this connection alone. Cancellation (terminal), by
  /// a client that dials: operation_aborted.
  virtual asio::awaitable<std::shared_ptr<connection>> open(stream_socket socket,
                                                            std::error_code& ec) const = 0;
};

/// How a listener is entered, or a server reached.
struct transport_use {
  transport_use() = default;
  explicit transport_use(std::shared_ptr<const transport> t) : over(std::move(t)) {}

  std::shared_ptr<const transport> over;  ///< none: plain
  socket_options socket;
};

/// The bytes of the connection are those of the socket. For both sides.
std::shared_ptr<const transport> plain_transport();

}  // namespace muxpro::proxy
