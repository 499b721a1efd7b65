// keyed_outbound, which uses a server that gets a key and a target in one head, by VLESS or Trojan. Ring 4.
#pragma once

#include "proxy/base/chunk_codec.hpp"
#include "proxy/base/sealed_datagrams.hpp"
#include "proxy/base/uuid.hpp"
#include "proxy/outbound/relay_packets.hpp"
#include "proxy/outbound/support_beside.hpp"
#include "proxy/udp/framed_datagrams.hpp"

#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/relay_options.hpp>
#include <muxpro/session.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace muxpro::proxy {

struct keyed_outbound_options {
  /// The head of a request for a target whose host is valid.
  std::function<std::vector<std::byte>(const destination& target)> request;
  /// Reads the head in front of the server's first bytes. Empty if there is no head.
  head_reader response;
  /// Used instead of both. Returns the codecs that carry the connection in chunks, with the head of the
  /// request in front of the first one. Throws std::exception if libcrypto fails.
  std::function<chunk_codecs(const destination& target)> chunks;
  datagram_framing framing{};
  /// Connections use the flow xtls-rprx-vision, with this UUID.
  std::optional<uuid> vision;
  /// Whether datagrams to port 443 are refused, which browsers use for QUIC.
  bool refuses_quic = false;
  /// Used instead of a framing. Datagrams go to the server's UDP port, and this seals those of a client's
  /// socket.
  std::function<std::unique_ptr<packet_exchange>()> packets;
  /// How long the client's first bytes are waited for, to send them with the head in one write.
  duration first_bytes = std::chrono::milliseconds(100);
  /// For the head to be written, absolute.
  duration handshake = std::chrono::seconds(10);
  relay_options relay;
  /// Datagrams that are not multiplexed go by single XUDP, and not by the protocol's own framing.
  bool single_xudp = false;
};

/// A connection to the server for each one that it carries, and one for the datagrams of each client's
/// socket. The server does not report whether it has reached the target. If it has not, it ends the
/// connection.
class keyed_outbound final : public outbound {
 public:
  keyed_outbound(std::shared_ptr<transport_dialer> server, keyed_outbound_options options)
      : server_(std::move(server)), options_(std::move(options)) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;
  asio::awaitable<connection_result> carry_datagrams(context ctx,
                                                     std::unique_ptr<datagram_stream> datagrams) override;
  datagram_support support_for_datagrams() const noexcept override {
    return options_.packets ? support_beside(*server_) : datagram_support::carried;
  }

 private:
  /// Returns null and sets `ec` if it fails.
  asio::awaitable<std::unique_ptr<datagram_stream>> exchange_packets(const context& ctx, std::error_code& ec);
  asio::awaitable<std::unique_ptr<datagram_stream>> frame_datagrams(const context& ctx, std::error_code& ec);
  relay_packets packets_of(const context& ctx) const;
  count_drops drops_of(const context& ctx) const;
  /// `server` is then what carries the connection.
  asio::awaitable<void> request(std::shared_ptr<connection>& server, const destination& target, client& c,
                                std::error_code& ec);
  asio::awaitable<std::shared_ptr<connection>> request_by_vision(std::shared_ptr<connection> server,
                                                                 const destination& target, client& c,
                                                                 std::error_code& ec);

  const std::shared_ptr<transport_dialer> server_;
  const keyed_outbound_options options_;
};

/// A session of the role client, not negotiated yet, in a connection of such a server to main connections.
/// The heads of both directions come with the first frames. Throws std::system_error.
asio::awaitable<session> dial_session_by_key(std::shared_ptr<transport_dialer> server,
                                             keyed_outbound_options options, session_options s);

}  // namespace muxpro::proxy
