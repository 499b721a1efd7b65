// A forward proxy for HTTP/1: CONNECT and absolute URIs. Ring 4.
#pragma once

#include <muxpro/proxy/accounts.hpp>
#include <muxpro/proxy/http_request.hpp>
#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/inbounds/mux.hpp>
#include <muxpro/relay_options.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace muxpro::proxy {

struct http_inbound_options {
  /// Basic authentication; empty: nobody is asked for his name.
  accounts users;
  /// From the accepted connection to the end of its request's head, absolute (nginx client_header_timeout:
  /// 60 s; attackers need less).
  duration handshake = std::chrono::seconds(10);
  relay_options relay;
  /// Serves main connections to whom asks for mux.pro:9527; none: that is a target as any other.
  std::shared_ptr<const mux_inbound> main_connections;
};

/// A connection carries one CONNECT, or one request and its answer: what follows them on the connection is
/// not served, and the answer says so by "Connection: close", which the upstream is asked for. So no request
/// can hide behind another one.
class http_inbound final : public inbound {
 public:
  explicit http_inbound(http_inbound_options options) : options_(std::move(options)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                              admission::ticket place) const override;
  /// One that has said something already, and that its owner keeps to the end.
  asio::awaitable<void> serve(newcomer& who, dispatcher& to) const;

 private:
  asio::awaitable<std::optional<http_request>> negotiate(newcomer& who) const;

  const http_inbound_options options_;
};

}  // namespace muxpro::proxy
