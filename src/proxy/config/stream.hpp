// "streamSettings", and objects of the same form. Ring 4, a rule without I/O.
#pragma once

#include "proxy/config/config.hpp"

#include <muxpro/proxy/registry.hpp>

#include <string>

namespace muxpro::proxy {

/// `server` is the host that a client connects to, or empty.
stream_config read_stream_object(settings& stream, const registry& known, role side,
                                 const std::string& server);

}  // namespace muxpro::proxy
