// original_destination(): the target of a connection before the kernel redirected it here.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/proxy/connection.hpp>

#include <optional>

namespace muxpro::proxy {

/// Returns the destination before netfilter's REDIRECT. Returns nothing if connection tracking has no entry,
/// or if `c` is not a TCP connection itself.
std::optional<host_port> original_destination(connection& c);

}  // namespace muxpro::proxy
