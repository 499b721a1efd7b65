// fallback_servers, the servers for clients that do not use the protocol of an inbound. Ring 4.
#pragma once

#include "proxy/policy/fallbacks.hpp"

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/awaitable.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// Shared by the threads of an inbound.
class fallback_servers {
 public:
  /// `limits` are those of the relays.
  fallback_servers(std::vector<fallback> all, const relay_options& limits);

  /// Takes `who` to the server for it. Bytes of `who` that were read go first. The connection is counted and
  /// logged as any other, by the outbound tag "fallback SERVER". Completes with true when the connection has
  /// ended, with false at once if there is no server for it. Errors: none. The log has why a connection has
  /// ended. Cancellation: none. Cutting the connection of `who` ends it.
  asio::awaitable<bool> serve(pending_client& who, dispatcher& to) const;

 private:
  asio::awaitable<void> carry(context ctx, client& c, const fallback& f, dispatcher& to) const;
  asio::awaitable<std::shared_ptr<connection>> dial(const context& ctx, const fallback& f,
                                                    std::error_code& ec) const;

  const fallbacks rules_;
  const relay_options limits_;
  std::map<std::string, std::shared_ptr<transport_dialer>> dialers_;  ///< by address
};

/// Relays `c`, which a layer has turned away. Counted and logged as fallback_servers::serve() does, by the
/// outbound tag "target SERVER". Completes when the connection has ended. Errors: none. Cancellation: none.
/// Cutting `c` ends it.
asio::awaitable<void> serve_turned_away(std::shared_ptr<connection> c, context ctx, dispatcher& to);

}  // namespace muxpro::proxy
