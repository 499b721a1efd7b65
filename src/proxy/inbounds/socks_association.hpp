// The datagrams of a UDP ASSOCIATE (RFC 1928 section 7).
#pragma once

#include "../quiet_timer.hpp"

#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/dispatcher.hpp>

#include <asio/awaitable.hpp>
#include <asio/ip/udp.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace muxpro::proxy {

/// A port at the address that the client reached us at, for datagrams of its own address alone, and of the
/// port that the first one comes from. All go the way of the first: only so they come from one port at the
/// far end, whatever their destination (full cone).
class socks_association : public std::enable_shared_from_this<socks_association> {
 public:
  /// `expected_port`: where the client says that its datagrams will come from; 0: from anywhere. `idle` is
  /// called when none has come for a while.
  socks_association(const asio::any_io_executor& executor, context known, dispatcher& to,
                    std::uint16_t expected_port, duration limit, std::function<void()> idle);

  /// Where the client is to send them; `ec` if there is no port.
  host_port open(std::error_code& ec);
  void start();
  /// With its TCP connection.
  void end();

 private:
  static asio::awaitable<void> hear_client(std::shared_ptr<socks_association> self);
  static asio::awaitable<void> hear_target(std::shared_ptr<socks_association> self,
                                           std::shared_ptr<datagram_stream> link);
  bool is_client(const asio::ip::udp::endpoint& from);
  asio::awaitable<void> forward(const_bytes packet);
  void dispatch(const host_port& first);

  const context known_;
  dispatcher& to_;
  const std::uint16_t expected_port_;
  asio::ip::udp::socket socket_;
  std::optional<asio::ip::udp::endpoint> client_;
  std::shared_ptr<datagram_stream> link_;
  time_point refused_until_{};
  quiet_timer quiet_;
};

}  // namespace muxpro::proxy
