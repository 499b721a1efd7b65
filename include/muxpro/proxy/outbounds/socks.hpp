// By way of a SOCKS 5 server. Ring 4.
#pragma once

#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/socks_client.hpp>
#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/relay_options.hpp>

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

/// Asks the server at the other end of `server` for `target`. Returns what the target has said already; `ec`
/// says why not, as socks_client::step::error does, or end_code::timeout. Cancellable: then `server` is of no
/// use any more.
asio::awaitable<std::vector<std::byte>> ask_socks_server(std::shared_ptr<connection> server, host_port target,
                                                         const socks_outbound_options& options,
                                                         std::error_code& ec);

/// A connection to the server for each one that it carries. It refuses datagrams.
class socks_outbound final : public outbound {
 public:
  socks_outbound(std::shared_ptr<transport_dialer> server, socks_outbound_options options)
      : server_(std::move(server)), options_(std::move(options)) {}

  asio::awaitable<carried> carry(context c, outbound_link link) override;

 private:
  const std::shared_ptr<transport_dialer> server_;
  const socks_outbound_options options_;
};

}  // namespace muxpro::proxy
