// What the settings of several outbounds have in common.
#pragma once

#include "proxy/outbound/mux.hpp"

#include <muxpro/proxy/registry.hpp>
#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/session.hpp>

#include <asio/awaitable.hpp>

#include <functional>
#include <memory>

namespace muxpro::proxy {

/// A server's name or address and its port, or the path of its unix socket.
stream_address read_server(settings& s);
/// Makes a session that is not negotiated yet with the server at the other end, or throws std::system_error.
using session_dialer =
    std::function<asio::awaitable<session>(std::shared_ptr<transport_dialer>, session_options)>;
/// Sub-streams of main connections that `dial` makes with the server of `from`. Negotiations that fail or
/// take too long count as that server's failures.
outbound_factory multiplexed(outbound_resources& from, session_dialer dial);

}  // namespace muxpro::proxy
