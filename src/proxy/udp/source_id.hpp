// The GlobalID by which a server recognizes the socket of a UDP client.
#pragma once

#include <muxpro/proxy/context.hpp>

namespace muxpro::proxy {

/// A keyed hash of the source of datagrams. It is stable for the life of the process and reveals nothing
/// about the source. With Xray's variable XRAY_XUDP_BASEKEY it is the same in the next process. Throws
/// std::runtime_error if that is no key, or libcrypto has no random numbers or no SHA-256.
global_id source_id(const context& ctx);

}  // namespace muxpro::proxy
