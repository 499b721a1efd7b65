// The program of this machine that a client is.
#pragma once

#include <muxpro/proxy/context.hpp>

#include <string>

namespace muxpro::proxy {

/// The path of the program whose socket has the client's address; empty if it is of another machine, or of a
/// user that this process may not look at. Reads /proc, which takes a millisecond or more.
std::string program_of(network net, const context::inbound_part& client);

}  // namespace muxpro::proxy
