// dial_session(), dial_session_by_socks(): dial the main connections of an outbound's pool.
#pragma once

#include "proxy/outbound/socks.hpp"

#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/session.hpp>

#include <asio/awaitable.hpp>

#include <memory>

namespace muxpro::proxy {

/// With a muxpro server at the end of `dialer`. Throws std::system_error.
asio::awaitable<session> dial_session(std::shared_ptr<transport_dialer> dialer, session_options options);

/// Makes a session with the SOCKS server at the end of `dialer`, which takes mux.pro:9527 or v1.mux.cool:9527
/// for itself, if it allows main connections.
asio::awaitable<session> dial_session_by_socks(std::shared_ptr<transport_dialer> dialer,
                                               socks_outbound_options server, session_options options);

}  // namespace muxpro::proxy
