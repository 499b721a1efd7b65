// The header of the PROXY protocol, which names the two ends of a connection that was accepted elsewhere.
// Ring 4, a rule.
#pragma once

#include <asio/ip/tcp.hpp>

#include <cstddef>
#include <vector>

namespace muxpro::proxy {

/// `version`: 1 (a line of text) or 2. Ends of different families, and those that are unspecified, are
/// "unknown". IPv4-mapped addresses are those of IPv4.
std::vector<std::byte> proxy_header(unsigned version, const asio::ip::tcp::endpoint& source,
                                    const asio::ip::tcp::endpoint& destination);

}  // namespace muxpro::proxy
