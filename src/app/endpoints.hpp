// The places that the command line names.
#pragma once

#include <muxpro/proxy/stream_socket.hpp>

#include <string>

namespace muxpro::app {

/// HOST:PORT, [IPV6]:PORT or unix:PATH, the value of `flag`. Throws usage_error.
proxy::stream_address parse_address(const std::string& flag, const std::string& text);
/// The same to listen on; asks the resolver for a name. Throws usage_error.
proxy::stream_endpoint find_endpoint(const std::string& flag, const std::string& text);
/// The value of --status: where only this machine connects to. Throws usage_error.
proxy::stream_endpoint status_address(const std::string& text);

}  // namespace muxpro::app
