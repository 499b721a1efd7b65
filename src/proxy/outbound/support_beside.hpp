// support_beside(): whether datagrams can reach a server beside the connections to it.
#pragma once

#include "proxy/dial/next_outbound.hpp"

#include <muxpro/proxy/transport_dialer.hpp>

namespace muxpro::proxy {

/// A unix socket has no port for them. An outbound below the transport must carry them.
inline datagram_support support_beside(const transport_dialer& server) noexcept {
  if (server.target().is_unix()) return datagram_support::none;
  return server.through() ? server.through()->support_for_datagrams() : datagram_support::carried;
}

}  // namespace muxpro::proxy
