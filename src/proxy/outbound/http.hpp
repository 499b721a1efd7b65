// By way of an HTTP proxy, with CONNECT. Ring 4.
#pragma once

#include <muxpro/proxy/outbound.hpp>
#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/relay_options.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

struct http_outbound_options {
  /// "NAME:PASSWORD" in base64 (RFC 7617). If empty, no credentials are sent.
  std::string credentials;
  /// Further fields of the request, each with its line end.
  std::string fields;
  /// From the connected server to its answer, absolute. Longer than the server's own dial should take.
  duration handshake = std::chrono::seconds(20);
  relay_options relay;
};

/// A connection to the server for each one that it carries. It carries no datagrams.
class http_outbound final : public outbound {
 public:
  http_outbound(std::shared_ptr<transport_dialer> server, http_outbound_options options)
      : server_(std::move(server)), options_(std::move(options)) {}

  asio::awaitable<connection_result> carry(const context& ctx, client& c) override;

 private:
  /// What follows the server's answer.
  asio::awaitable<std::vector<std::byte>> ask(std::shared_ptr<connection> server, const context& ctx,
                                              client& c, std::error_code& ec) const;

  const std::shared_ptr<transport_dialer> server_;
  const http_outbound_options options_;
};

}  // namespace muxpro::proxy
