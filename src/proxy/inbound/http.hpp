// http_inbound, a forward proxy for HTTP/1 with CONNECT and absolute URIs. Ring 4.
#pragma once

#include "proxy/http/request.hpp"
#include "proxy/inbound/login_guard.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/policy/accounts.hpp"

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/relay_options.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace muxpro::proxy {

struct http_inbound_options {
  /// Accounts for Basic authentication. If empty, clients do not authenticate.
  accounts users;
  /// From the accepted connection to the end of its request's head, absolute (nginx client_header_timeout: 60
  /// s). It is short because of attackers.
  duration handshake = std::chrono::seconds(10);
  /// How long a client may wait with its next request (nginx keepalive_timeout: 75 s).
  duration keep_alive = std::chrono::seconds(60);
  relay_options relay;
  /// Of requests and of answers.
  http_head_limits head;
  /// Serves main connections to clients that ask for mux.pro:9527. If null, that is a target as any other.
  std::shared_ptr<const mux_inbound> main_connections;
};

struct http_client;

/// A connection carries requests and their answers, one after the other, up to a CONNECT, an upgrade, or an
/// answer with "Connection: close". Each request is dispatched by itself, with a context of its own.
class http_inbound final : public inbound {
 public:
  explicit http_inbound(http_inbound_options options) : options_(std::move(options)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  /// Serves a client of which bytes were read already. `who` must outlive the call.
  asio::awaitable<void> serve(pending_client& who, dispatcher& to) const;

 private:
  std::string judge(const http_request_parser::step& step, context& ctx, const dispatcher& to) const;
  asio::awaitable<std::optional<http_request>> negotiate(pending_client& who, context& ctx,
                                                         const dispatcher& to) const;
  asio::awaitable<std::optional<http_request>> next_request(std::shared_ptr<http_client> client, context& ctx,
                                                            const dispatcher& to) const;
  asio::awaitable<void> open_tunnel(std::shared_ptr<http_client> from, context ctx, dispatcher& to,
                                    const http_request& request) const;

  const http_inbound_options options_;
  const std::shared_ptr<login_guard> logins_ = std::make_shared<login_guard>();
};

}  // namespace muxpro::proxy
