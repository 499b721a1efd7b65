// The GlobalID by which a server recognizes the socket of a UDP client.
#pragma once

#include <muxpro/proxy/context.hpp>

namespace muxpro::proxy {

/// A keyed hash of the source of datagrams. It is stable for the life of the process and reveals nothing
/// about the source. Throws std::runtime_error if libcrypto has no random numbers or no SHA-256.
global_id source_id(const context& c);

}  // namespace muxpro::proxy
