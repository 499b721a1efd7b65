// parse_redirect(): reads the address to which connections go instead of their target. Ring 4, a rule.
#pragma once

#include <muxpro/destination.hpp>

#include <optional>
#include <string_view>

namespace muxpro::proxy {

/// Parses "127.0.0.1:80", ":80" or "127.0.0.1:0". An empty host and a port of 0 stay as they are. Returns
/// nothing for any other text.
std::optional<host_port> parse_redirect(std::string_view text);

}  // namespace muxpro::proxy
