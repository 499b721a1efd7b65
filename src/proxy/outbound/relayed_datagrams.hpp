// Datagrams by way of a server that gets each with its address in a packet, as the client.
#pragma once

#include "proxy/outbound/relay_packets.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/ip/udp.hpp>

#include <memory>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

/// Lives on the strand of its socket.
class relayed_datagrams final : public datagram_stream {
 public:
  /// `control` keeps the association, unless it is null. Its end ends the stream with
  /// end_code::remote_disconnect. Packets go to `relay`, and only those from there are received.
  relayed_datagrams(std::shared_ptr<connection> control, asio::ip::udp::socket socket,
                    const asio::ip::udp::endpoint& relay, relay_packets packets);
  ~relayed_datagrams() override;

  asio::any_io_executor get_executor() const override;
  asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                       std::error_code& ec) override;
  asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) override;
  void end(end_code code) noexcept override;

 private:
  struct state;
  static asio::awaitable<void> watch(std::shared_ptr<state> s);
  std::optional<std::size_t> take(asio::mutable_buffer into, host_port& peer, std::error_code& ec);

  const std::shared_ptr<state> state_;
  relay_packets packets_;
  int at_once_ = 0;  ///< datagrams received since it last waited
};

/// A socket for datagrams to `relay`, from the address that the control connection has, if that goes to the
/// same address.
asio::ip::udp::socket socket_for_relay(const asio::any_io_executor& executor,
                                       const asio::ip::udp::endpoint& relay, const asio::ip::address& local,
                                       const asio::ip::address& peer, std::error_code& ec);

}  // namespace muxpro::proxy
