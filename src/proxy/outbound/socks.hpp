// By way of a SOCKS 5 server. Ring 4.
#pragma once

#include "proxy/socks/client.hpp"

#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/ip/udp.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace muxpro::proxy {

struct socks_outbound_options {
  /// None: none are offered.
  std::optional<socks_credentials> credentials;
  /// From the connected server to its reply, absolute; longer than the server's own dial should take.
  duration handshake = std::chrono::seconds(20);
  relay_options relay;
};

/// Requests `target` from the SOCKS server. Returns the bytes that the target has sent already. Sets `ec` to
/// socks_client::step::error, errc::target_timeout or an error of `server`. After cancellation `server`
/// cannot be used any more.
asio::awaitable<std::vector<std::byte>> ask_socks_server(std::shared_ptr<connection> server, host_port target,
                                                         const socks_outbound_options& options,
                                                         std::error_code& ec);

/// A connection to the server for each one that it carries, and one with a UDP ASSOCIATE for the datagrams of
/// each client's socket. It carries no datagrams if the server is at a unix socket, or refuses to.
class socks_outbound final : public outbound {
 public:
  socks_outbound(std::shared_ptr<transport_dialer> server, socks_outbound_options options)
      : server_(std::move(server)), options_(std::move(options)) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override {
    return server_->target().is_unix() ? datagram_support::none : datagram_support::carried;
  }

 private:
  asio::awaitable<std::unique_ptr<datagram_stream>> associate(context ctx, std::error_code& ec);
  asio::awaitable<asio::ip::udp::endpoint> relay_of(host_port bound, asio::ip::address server,
                                                    std::error_code& ec);

  const std::shared_ptr<transport_dialer> server_;
  const socks_outbound_options options_;
};

}  // namespace muxpro::proxy
