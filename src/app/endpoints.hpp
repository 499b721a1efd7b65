// "HOST:PORT" of the command line.
#pragma once

#include <asio/ip/tcp.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace muxpro::app {

using host_and_port = std::pair<std::string, std::uint16_t>;

/// "HOST:PORT" or "[IPV6]:PORT", the value of `flag`. Throws usage_error.
host_and_port split(const std::string& flag, const std::string& text);
/// The same as an address; asks the resolver for a name. Throws usage_error.
asio::ip::tcp::endpoint find_endpoint(const std::string& flag, const std::string& text);
std::string to_string(const asio::ip::tcp::endpoint& e);

}  // namespace muxpro::app
