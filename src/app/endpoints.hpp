// Addresses on the command line.
#pragma once

#include <muxpro/proxy/stream_socket.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace muxpro::app {

/// HOST:PORT, [IPV6]:PORT or unix:PATH, the value of `flag`. Throws usage_error.
proxy::stream_address parse_address(const std::string& flag, const std::string& text);
/// What a listener needs.
struct listen_address {
  proxy::stream_endpoint at;
  std::optional<std::uint32_t> file_mode;  ///< see proxy::socket_options
};
/// Reads HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH,MODE. Resolves a name. Throws usage_error.
listen_address parse_listen_address(const std::string& flag, const std::string& text);
/// The value of --status, which only this machine must be able to reach. Throws usage_error.
listen_address status_address(const std::string& text);

}  // namespace muxpro::app
