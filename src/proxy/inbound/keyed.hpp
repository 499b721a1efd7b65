// keyed_inbound, for protocols whose clients send a key and a target in one head, which are VLESS and Trojan.
// Ring 4.
#pragma once

#include "proxy/inbound/fallback.hpp"
#include "proxy/inbound/login_guard.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/policy/accounts.hpp"
#include "proxy/policy/request_head.hpp"
#include "proxy/udp/framed_datagrams.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/proxy/inbound.hpp>
#include <muxpro/relay_options.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

/// What is different between them.
struct keyed_protocol {
  std::string_view name;
  /// Null if another inbound reads the head.
  request_head (*read)(const_bytes received, const accounts& users);
  /// Goes to the client in front of the target's first bytes.
  const_bytes response;
  datagram_framing framing;
};
const keyed_protocol& vless();
const keyed_protocol& trojan();
const keyed_protocol& vmess();

struct keyed_inbound_options {
  explicit keyed_inbound_options(const keyed_protocol& p) : protocol(&p) {}

  const keyed_protocol* protocol;
  accounts users;
  /// From the accepted connection to its request, absolute.
  duration handshake = std::chrono::seconds(10);
  /// Limits for users without limits of their own.
  relay_options relay;
  /// Serves main connections to clients that ask for mux.pro:9527. If null, that is a target as any other.
  std::shared_ptr<const mux_inbound> main_connections;
  /// Serve unauthenticated clients. If null, their connections are closed.
  std::shared_ptr<const fallback_servers> fallbacks;
};

/// The plan of an inbound with these options.
inbound_plan plan_of(const keyed_inbound_options& o);

class keyed_inbound final : public inbound {
 public:
  explicit keyed_inbound(keyed_inbound_options options) : options_(std::move(options)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  /// Serves a client whose request was read. `who` must outlive the call.
  asio::awaitable<void> serve_request(pending_client& who, request_head head, dispatcher& to) const;

 private:
  asio::awaitable<std::optional<request_head>> read_head(pending_client& who, dispatcher& to) const;
  asio::awaitable<void> turn_away(pending_client& who, dispatcher& to) const;
  void refuse(pending_client& who, const dispatcher& to, const char* reason) const;
  asio::awaitable<void> carry_bytes(pending_client& who, const std::optional<uuid>& vision,
                                    dispatcher& to) const;
  asio::awaitable<void> carry_datagrams(pending_client& who, dispatcher& to) const;
  asio::awaitable<bool> find_target(context& ctx, framed_datagrams& stream) const;

  const keyed_inbound_options options_;
  const std::shared_ptr<login_guard> logins_ = std::make_shared<login_guard>();
};

}  // namespace muxpro::proxy
