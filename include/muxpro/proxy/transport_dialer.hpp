// transport_dialer, the client's side of a transport, which makes connections to one server. Ring 4.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/options.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/address.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

struct dial_options;
class next_outbound;
class server_watch;

/// Shared by all threads. The operator chooses the address, therefore no dial policy applies. Transports that
/// dial behind dial() need it to be owned by a shared_ptr.
class transport_dialer : public std::enable_shared_from_this<transport_dialer> {
 public:
  transport_dialer(stream_address to, transport_options how);
  transport_dialer(stream_address to, transport_options how, const dial_options& limits);
  ~transport_dialer();

  /// Completes when the transport's handshake is over. dial_options::timeout limits the dial of the socket,
  /// the transport's own limit the handshake. With dial_options::through another outbound makes the
  /// connection below the transport, within its own limits. Errors: those of the dial and of
  /// transport::dial(). It returns null then. Cancellation (terminal): operation_aborted.
  asio::awaitable<std::shared_ptr<connection>> dial(std::error_code& ec) { return dial(ec, nullptr); }
  /// The addresses of a TCP socket. Those of a unix socket, and of another outbound, are unspecified.
  struct socket_addresses {
    asio::ip::address local, peer;
  };
  /// As dial(). Also sets the addresses of the socket in `at`, unless that is null.
  asio::awaitable<std::shared_ptr<connection>> dial(std::error_code& ec, socket_addresses* at);
  /// Looks up a name that the server has given. Completes with its addresses.
  /// Errors: why the name has no address.
  /// Cancellation (terminal): operation_aborted.
  asio::awaitable<std::vector<asio::ip::address>> find(address host, std::uint16_t port, std::error_code& ec);
  /// Sets a function that negotiates with the server over a connection of its own, and closes that. It fails
  /// by an exception. Once failing() has returned true, it is called from time to time, until it succeeds.
  /// Must be set before the first dial().
  void probe_by(std::function<asio::awaitable<void>()> probe);
  /// Notes the outcome of an attempt to use the server, for a protocol that negotiates after dial(). Without
  /// an error the server works. operation_aborted is ignored. dial() itself notes its failures, and without a
  /// probe its success. `executor` is that of the attempt. Any thread.
  void note(std::error_code outcome, const asio::any_io_executor& executor);
  /// The same for an attempt since `began` that ends because its client has gone.
  void note_given_up(time_point began, const asio::any_io_executor& executor);
  /// Returns whether the last attempt has failed, and no probe has succeeded since. Without a probe, the
  /// failure counts for 10 s. A balancer then prefers other outbounds. Any thread.
  bool failing() const noexcept;
  const stream_address& target() const noexcept { return to_; }
  /// Returns the outbound below the transport, which also carries the datagrams beside the connections. Null
  /// if there is no such outbound.
  const next_outbound* through() const noexcept;

 private:
  asio::awaitable<stream_socket> connect(std::error_code& ec);
  asio::awaitable<std::shared_ptr<connection>> open_socket(std::error_code& ec, socket_addresses* at);
  asio::awaitable<std::shared_ptr<connection>> open_through(std::error_code& ec);
  transport::opener opener_for(std::shared_ptr<socket_addresses*> at);
  static asio::awaitable<std::shared_ptr<connection>> open_by(transport_dialer* dialer,
                                                              std::shared_ptr<transport_dialer> kept,
                                                              std::shared_ptr<socket_addresses*> at,
                                                              std::error_code& ec);

  const stream_address to_;
  const std::shared_ptr<const transport> layers_;
  struct socket_dialer;
  const std::unique_ptr<socket_dialer> sockets_;
  const std::shared_ptr<server_watch> watch_;
};

}  // namespace muxpro::proxy
