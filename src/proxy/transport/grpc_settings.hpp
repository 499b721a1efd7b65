// The keys of gRPC's settings. Ring 4.
#pragma once

#include "proxy/transport/grpc.hpp"

#include <muxpro/proxy/settings.hpp>

#include <string>

namespace muxpro::proxy {

/// Reads the object "grpcSettings" of a configuration. `server` is the authority if the object has none.
grpc_options read_grpc_options(settings& s, role side, const std::string& server);

}  // namespace muxpro::proxy
