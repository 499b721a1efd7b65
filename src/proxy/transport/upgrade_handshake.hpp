// The handshake of WebSocket and HTTPUpgrade over a connection. Ring 4.
#pragma once

#include "proxy/websocket/upgrade.hpp"

#include <muxpro/proxy/connection.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// What a handshake has left.
struct upgraded {
  std::vector<std::byte> early;   ///< data of the client's request
  std::vector<std::byte> behind;  ///< bytes behind the peer's head
  std::optional<asio::ip::address> source;
};

/// As a client. Completes when the server has agreed.
/// Errors: upgrade_errc if it does not agree, asio::error::timed_out after upgrade_options::handshake, and
/// those of `c`.
/// Cancellation (terminal): operation_aborted.
asio::awaitable<upgraded> ask_for_upgrade(std::shared_ptr<connection> c, const upgrade_options& o,
                                          std::error_code& ec);
/// As a server. Completes when the client's request was answered.
/// Errors: upgrade_errc if it was refused, otherwise as ask_for_upgrade(). Cancellation: not supported.
/// Cutting `c` ends it.
asio::awaitable<upgraded> accept_upgrade(std::shared_ptr<connection> c, const upgrade_options& o,
                                         std::error_code& ec);

}  // namespace muxpro::proxy
