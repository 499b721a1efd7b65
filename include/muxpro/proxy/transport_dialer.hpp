// The client's side of a transport: connections to one place. Ring 4.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/options.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/awaitable.hpp>
#include <asio/ip/address.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

struct dial_options;

/// Shared by all threads. The operator chooses the address, therefore no dial policy applies.
class transport_dialer {
 public:
  transport_dialer(stream_address to, transport_use how);
  transport_dialer(stream_address to, transport_use how, const dial_options& limits);
  ~transport_dialer();

  /// Completes when the transport's handshake is over. dial_options::timeout limits the dial of the socket,
  /// the transport's own limit the handshake. Errors: those of the dial and of transport::dial(). It returns
  /// null then. Cancellation (terminal): operation_aborted.
  asio::awaitable<std::shared_ptr<connection>> dial(std::error_code& ec) { return dial(ec, nullptr); }
  /// The addresses of a TCP socket. Those of a unix socket are unspecified.
  struct socket_addresses {
    asio::ip::address local, peer;
  };
  /// As dial(). Also sets the addresses of the socket in `at`, unless that is null.
  asio::awaitable<std::shared_ptr<connection>> dial(std::error_code& ec, socket_addresses* at);
  /// Looks up a name that the server has given. Completes with its addresses.
  /// Errors: why the name has no address.
  /// Cancellation (terminal): operation_aborted.
  asio::awaitable<std::vector<asio::ip::address>> find(address host, std::uint16_t port, std::error_code& ec);
  /// Whether the last dial that was not cancelled has failed less than 10 s ago, for balancers. Any thread.
  bool failing() const noexcept;
  const stream_address& target() const noexcept { return to_; }
  /// Called before the executors of dial() are destroyed.
  void stop();

 private:
  asio::awaitable<stream_socket> connect(std::error_code& ec);
  asio::awaitable<std::shared_ptr<connection>> open_socket(std::error_code& ec, socket_addresses* at);
  void note(std::error_code outcome) noexcept;

  const stream_address to_;
  const std::shared_ptr<const transport> over_;
  struct socket_dialer;
  const std::unique_ptr<socket_dialer> sockets_;
  std::atomic<time_point> failed_{time_point::min()};
};

}  // namespace muxpro::proxy
