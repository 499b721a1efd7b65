// Where a connection went before the kernel redirected it here.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/proxy/connection.hpp>

#include <optional>

namespace muxpro::proxy {

/// What netfilter's connection tracking knows of it. Nothing: it does not know it, or it is no connection of
/// TCP itself.
std::optional<host_port> original_destination(connection& c);

}  // namespace muxpro::proxy
