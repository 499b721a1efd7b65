// The addresses of this machine's interfaces. Ring 4.
#pragma once

#include <asio/ip/address.hpp>

#include <vector>

namespace muxpro::proxy {

/// The addresses of this machine. Empty if the system does not report them.
std::vector<asio::ip::address> local_addresses();

}  // namespace muxpro::proxy
