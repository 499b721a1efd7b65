// The program of this machine that a client is.
#pragma once

#include <muxpro/proxy/context.hpp>

#include <string>

namespace muxpro::proxy {

/// Returns the path of the program whose socket has the client's address. Empty if the client is another
/// machine, or a user whose processes this process may not read. Reads /proc, which takes a millisecond or
/// more.
std::string program_of(network net, const context::inbound_part& client);

}  // namespace muxpro::proxy
