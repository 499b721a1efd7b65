// What lies between a socket and the connection that a protocol uses: layers such as TLS, or one of yours.
// Ring 4.
#pragma once

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// One side of a layer, shared by all threads and not changed while it serves. Any layer can stand on any
/// other. Derive from it for a layer of your own, and add it to a registry so that configuration files know
/// it.
class transport {
 public:
  /// What serves a connection; completes when the connection has ended.
  using server = std::function<asio::awaitable<void>(std::shared_ptr<connection>)>;
  /// What makes a connection to a server. Returns null and sets `ec` if it fails.
  using opener = std::function<asio::awaitable<std::shared_ptr<connection>>(std::error_code& ec)>;

  virtual ~transport() = default;
  /// `below` has just been connected or accepted. Returns the connection when the handshake, if there is
  /// one, is over; null, with the reason in `ec`, if it failed or took too long: every layer has a limit for
  /// that. `below` is closed then. An exception costs this connection alone. Cancellation (terminal), by a
  /// client that dials: operation_aborted.
  virtual asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                            std::error_code& ec) const = 0;
  /// Of a server: serves the connections that `below` carries, until all have ended. open() and one
  /// connection, unless a layer that carries many overrides it. Such a layer runs each `serve` on its own, on
  /// the executor of `below`. Errors as open(). Not to be cancelled: cutting `below` ends it.
  virtual asio::awaitable<void> accept(std::shared_ptr<connection> below, server serve,
                                       std::error_code& ec) const;
  /// Of a client: a connection over one that `below` makes. open(), unless a layer that carries many
  /// overrides it: that layer calls `below` only when it needs a further one. Errors of `below` and of
  /// open(). Cancellation as open().
  virtual asio::awaitable<std::shared_ptr<connection>> dial(opener below, std::error_code& ec) const;
  /// Reads its files again, for connections that are opened from then on. Throws std::exception with one
  /// sentence, and stays as it was, if they cannot be used. Any thread, one at a time.
  virtual void reload() const {}
};

/// How a listener is entered, or a server reached.
struct transport_use {
  transport_use() = default;
  explicit transport_use(std::shared_ptr<const transport> t) : over(std::move(t)) {}

  std::shared_ptr<const transport> over;  ///< null: the bytes of a connection are those of its socket
  socket_options socket;
};

/// `upper` over `lower`. Either may be null.
std::shared_ptr<const transport> stacked(std::shared_ptr<const transport> lower,
                                         std::shared_ptr<const transport> upper);

}  // namespace muxpro::proxy
