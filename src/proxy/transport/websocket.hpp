// WebSocket and HTTPUpgrade as layers of a transport. Ring 4.
#pragma once

#include "proxy/websocket/upgrade.hpp"

#include <muxpro/proxy/transport.hpp>

#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// Connections that begin by an HTTP/1.1 request for an upgrade. The user and the greeting of a security
/// below are theirs.
class upgrade_transport final : public transport {
 public:
  upgrade_transport(role side, upgrade_options options) : side_(side), options_(std::move(options)) {}

  /// Errors: those of ask_for_upgrade() or accept_upgrade(). A client that is refused gets an answer first.
  /// Cancellation (terminal): operation_aborted.
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code& ec) const override;

 private:
  const role side_;
  const upgrade_options options_;
};

}  // namespace muxpro::proxy
