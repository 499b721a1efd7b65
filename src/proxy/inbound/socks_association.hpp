// The datagrams of a UDP ASSOCIATE (RFC 1928 section 7).
#pragma once

#include "proxy/net/idle_timer.hpp"
#include "proxy/udp/addressed_udp.hpp"

#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/dispatcher.hpp>

#include <asio/awaitable.hpp>
#include <asio/ip/udp.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace muxpro::proxy {

/// A port at the address that the client reached us at, for datagrams from the client's own address alone.
/// Answers go to the port that the client's newest datagram came from. All datagrams take the route of the
/// first. Only so they come from one port at the far end, whatever their destination (full cone).
class socks_association : public std::enable_shared_from_this<socks_association> {
 public:
  /// The address and the port in the client's request are ignored, because they may be a name, zeros, those
  /// before a NAT, or those of the target. `idle` is called when no datagram has come for `limit`.
  socks_association(const asio::any_io_executor& executor, context ctx, dispatcher& to, duration limit,
                    std::function<void()> idle);

  /// Returns where the client is to send datagrams, and sets `ec` if there is no port. `announced` is the
  /// address in the reply, if the client has connected to another one. The port is then open on all
  /// addresses.
  host_port open(const std::optional<asio::ip::address>& announced, std::error_code& ec);
  void start();
  /// With its TCP connection.
  void end();

 private:
  static asio::awaitable<void> receive_from_client(std::shared_ptr<socks_association> self);
  static asio::awaitable<void> receive_from_target(std::shared_ptr<socks_association> self,
                                                   std::shared_ptr<datagram_stream> link);
  bool is_client(const asio::ip::udp::endpoint& from) const;
  asio::awaitable<void> accept(const arrival& how, const_bytes packet);
  void bind(const asio::ip::udp::endpoint& at, std::error_code& ec);
  asio::awaitable<void> forward(const host_port& where, const_bytes payload);
  void dispatch(const host_port& first);
  void drop(drop_reason why) const;

  const context ctx_;
  dispatcher& to_;
  asio::ip::udp::socket socket_;
  std::optional<asio::ip::udp::endpoint> client_;  ///< its newest one
  asio::ip::address asked_;                        ///< of this machine, as client_ has asked it
  std::shared_ptr<datagram_stream> link_;
  time_point refused_until_{};
  idle_timer quiet_;
};

}  // namespace muxpro::proxy
