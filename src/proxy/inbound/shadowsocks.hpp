// shadowsocks_inbound, for connections and datagrams that users authenticate by sealing them with their keys.
// Ring 4.
#pragma once

#include "proxy/inbound/login_guard.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/shadowsocks/server.hpp"

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/relay_options.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

namespace muxpro::proxy {

struct shadowsocks_inbound_options {
  std::shared_ptr<const shadowsocks_server> server;
  /// From the accepted connection to its request, absolute. Connections without one end then, whatever was
  /// wrong.
  duration handshake = std::chrono::seconds(10);
  /// Limits for users without limits of their own.
  relay_options relay;
  /// Serves main connections to clients that ask for mux.pro:9527. If null, that is a target as any other.
  std::shared_ptr<const mux_inbound> main_connections;
};

/// The plan of an inbound with these options.
inbound_plan plan_of(const shadowsocks_inbound_options& o);

class shadowsocks_inbound final : public inbound {
 public:
  explicit shadowsocks_inbound(shadowsocks_inbound_options options) : options_(std::move(options)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  bool admit_datagrams(context& ctx) const override;
  std::shared_ptr<sealed_datagrams> open_datagrams() const override;

 private:
  asio::awaitable<std::optional<request_head>> read_head(pending_client& who, shadowsocks_handshake& reads,
                                                         dispatcher& to) const;
  void note_refusal(pending_client& who, const request_head& head, const dispatcher& to) const;
  std::shared_ptr<connection> answering(pending_client& who, shadowsocks_handshake& read) const;

  const shadowsocks_inbound_options options_;
  const std::shared_ptr<login_guard> logins_ = std::make_shared<login_guard>();
};

}  // namespace muxpro::proxy
