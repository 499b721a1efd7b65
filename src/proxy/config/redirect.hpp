// Where connections go instead of to their target. Ring 4, a rule.
#pragma once

#include <muxpro/destination.hpp>

#include <optional>
#include <string_view>

namespace muxpro::proxy {

/// "127.0.0.1:80", ":80" or "127.0.0.1:0": an empty host and a port of 0 stay as they are. Nothing: it is
/// none.
std::optional<host_port> parse_redirect(std::string_view text);

}  // namespace muxpro::proxy
