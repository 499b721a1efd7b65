// What the settings of several outbounds have in common.
#pragma once

#include "proxy/outbound/mux.hpp"

#include <muxpro/proxy/registry.hpp>

namespace muxpro::proxy {

/// A server's name or address and its port, or the path of its unix socket.
stream_address read_server(settings& s);
/// Sub-streams of main connections that `dial` makes. `mux` is that of `from`.
outbound_factory multiplexed(outbound_resources& from, mux_outbound::dialer dial);

}  // namespace muxpro::proxy
