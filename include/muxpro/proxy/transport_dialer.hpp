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

/// Shared by all threads. The place is the operator's choice: no policy stands between.
class transport_dialer {
 public:
  transport_dialer(stream_address to, transport_use how);
  transport_dialer(stream_address to, transport_use how, const dial_options& limits);
  ~transport_dialer();

  /// `ec` says why not: as dial::connect() does, or what the transport says. dial_options::timeout is for the
  /// socket, the transport's own limit for what comes then. Cancellable.
  asio::awaitable<std::shared_ptr<connection>> dial(std::error_code& ec) { return dial(ec, nullptr); }
  /// Also sets the addresses of the socket, unspecified ones for a unix socket.
  struct socket_addresses {
    asio::ip::address local, peer;
  };
  asio::awaitable<std::shared_ptr<connection>> dial(std::error_code& ec, socket_addresses* at);
  /// The addresses of a name that a server has given. `ec` as dial::find().
  asio::awaitable<std::vector<asio::ip::address>> find(address host, std::uint16_t port, std::error_code& ec);
  /// The last dial that was not cancelled has failed, less than 10 s ago: a balancer may have something
  /// better. Any thread.
  bool failing() const noexcept;
  const stream_address& target() const noexcept { return to_; }
  /// Before the executors go that dial() was called on.
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
