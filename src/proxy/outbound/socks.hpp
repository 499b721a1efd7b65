// By way of a SOCKS 5 server. Ring 4.
#pragma once

#include "proxy/outbound/relay_packets.hpp"
#include "proxy/outbound/support_beside.hpp"
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
  /// Credentials for the server. Without a value none are offered.
  std::optional<socks_credentials> credentials;
  /// From the connected server until it has agreed to the method and the credentials, absolute.
  duration greeting = std::chrono::seconds(10);
  /// From then to its reply, absolute. Longer than the server's own dial should take.
  duration handshake = std::chrono::seconds(20);
  relay_options relay;
};

/// Requests `target` from the SOCKS server. Returns the bytes that the target has sent already. Sets `ec` to
/// socks_client::step::error, errc::target_timeout or an error of `server`. After cancellation `server`
/// cannot be used any more.
asio::awaitable<std::vector<std::byte>> ask_socks_server(std::shared_ptr<connection> server, host_port target,
                                                         const socks_outbound_options& options,
                                                         std::error_code& ec);

/// Connects to the server, agrees on the method and the credentials, and leaves it. Throws std::system_error.
asio::awaitable<void> greet_socks_server(std::shared_ptr<transport_dialer> server,
                                         socks_outbound_options options);

/// A connection to the server for each one that it carries, and one with a UDP ASSOCIATE for the datagrams of
/// each client's socket. It carries no datagrams if the server is at a unix socket, or refuses to, or if the
/// outbound below the transport carries none.
class socks_outbound final : public outbound {
 public:
  socks_outbound(std::shared_ptr<transport_dialer> server, socks_outbound_options options)
      : server_(std::move(server)), options_(std::move(options)) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override { return support_beside(*server_); }

 private:
  /// What follows the server's reply.
  asio::awaitable<std::vector<std::byte>> ask(std::shared_ptr<connection> server, const context& ctx,
                                              client& c, std::error_code& ec);
  asio::awaitable<std::unique_ptr<datagram_stream>> associate(context ctx, std::error_code& ec);
  asio::awaitable<asio::ip::udp::endpoint> relay_of(host_port bound, asio::ip::address server,
                                                    std::error_code& ec);
  std::optional<host_port> relay_behind(const host_port& bound) const;
  relay_packets packets_of(const context& ctx) const;

  const std::shared_ptr<transport_dialer> server_;
  const socks_outbound_options options_;
};

}  // namespace muxpro::proxy
