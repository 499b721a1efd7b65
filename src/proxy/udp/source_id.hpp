// What a server knows the socket of a UDP client by.
#pragma once

#include <muxpro/proxy/context.hpp>

namespace muxpro::proxy {

/// A keyed hash of where datagrams come from: stable for the life of the process, and says nothing to anybody
/// else. Throws std::runtime_error if libcrypto has no random numbers or no SHA-256.
global_id source_id(const context& c);

}  // namespace muxpro::proxy
