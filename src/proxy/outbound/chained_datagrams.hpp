// relayed_datagrams whose packets another outbound carries.
#pragma once

#include "proxy/outbound/relay_packets.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/datagram_stream.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// Lives on the strand of the stream below it.
class chained_datagrams final : public datagram_stream {
 public:
  /// `control` as of relayed_datagrams. Packets go to `relay`, from which alone `below` receives.
  chained_datagrams(std::shared_ptr<connection> control, std::unique_ptr<datagram_stream> below,
                    host_port relay, relay_packets packets);
  ~chained_datagrams() override { end(end_code::graceful); }

  asio::any_io_executor get_executor() const override;
  asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                       std::error_code& ec) override;
  asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) override;
  void end(end_code code) noexcept override;

 private:
  struct state;
  static asio::awaitable<void> watch(std::shared_ptr<state> s);

  const std::shared_ptr<state> state_;
  const host_port relay_;
  relay_packets packets_;
  std::vector<std::byte> room_;  ///< for a packet from the server
};

}  // namespace muxpro::proxy
