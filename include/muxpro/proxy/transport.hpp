// transport, a layer between a socket and the connection that a protocol uses, such as TLS. Ring 4.
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
/// other. Derive from it for a layer of your own, and add it to a registry so that configuration files can
/// name it.
class transport {
 public:
  /// Serves a connection. Completes when the connection has ended.
  using server = std::function<asio::awaitable<void>(std::shared_ptr<connection>)>;
  /// Makes a connection to a server. Returns null and sets `ec` if it fails.
  using opener = std::function<asio::awaitable<std::shared_ptr<connection>>(std::error_code& ec)>;

  virtual ~transport() = default;
  /// Makes a connection over `below`, which has just been connected or accepted.
  /// Completes when the handshake is over. Every layer has a limit of time for that.
  /// Errors: why the handshake failed. It then returns null and closes `below`. An exception costs this
  /// connection alone.
  /// Cancellation (terminal), when a client's dial is cancelled: operation_aborted.
  virtual asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                            std::error_code& ec) const = 0;
  /// On the server side, serves the connections that `below` carries. The base class serves one, by open(). A
  /// layer that carries many overrides it, and runs each `serve` on its own, on the executor of `below`.
  /// Completes when all of them have ended.
  /// Errors: as open().
  /// Cancellation: not supported. Cutting `below` ends it.
  virtual asio::awaitable<void> accept(std::shared_ptr<connection> below, server serve,
                                       std::error_code& ec) const;
  /// On the client side, makes a connection over one that `below` makes, by open(). A layer that carries many
  /// overrides it, and calls `below` only when it needs a further one, then or as long as the result exists.
  /// Completes as open().
  /// Errors: those of `below` and of open().
  /// Cancellation: as open().
  virtual asio::awaitable<std::shared_ptr<connection>> dial(opener below, std::error_code& ec) const;
  /// Returns whether accept() serves clients that send no bytes. Otherwise such clients are cut after
  /// instance_options::first_byte.
  virtual bool serves_silent_clients() const noexcept { return false; }
  /// Whether main connections of Mux.Cool, which has no flow control, carry streams over accept(). Others
  /// carry datagrams alone.
  virtual bool takes_mux_cool_streams() const noexcept { return true; }
  /// On the server side, a layer that carries many connections takes no further one, and ends behind the
  /// last. Any thread.
  virtual void drain() const {}
  /// Reads its files again, for connections that are opened from then on. If they cannot be used, it throws
  /// std::exception with one sentence, and stays as it was. Any thread, one call at a time.
  virtual void reload() const {}
};

struct trusted_proxies;

/// How a listener accepts connections, or a client makes them.
struct transport_options {
  transport_options() = default;
  explicit transport_options(std::shared_ptr<const transport> t) : layers(std::move(t)) {}

  std::shared_ptr<const transport> layers;  ///< null if the bytes of a connection are those of its socket
  socket_options socket;
  /// For a listener, the proxies that begin each connection with a header of the PROXY protocol, which names
  /// its source. Null if there is no such header.
  std::shared_ptr<const trusted_proxies> proxies;
};

/// `upper` over `lower`. Either may be null.
std::shared_ptr<const transport> stacked(std::shared_ptr<const transport> lower,
                                         std::shared_ptr<const transport> upper);

}  // namespace muxpro::proxy
