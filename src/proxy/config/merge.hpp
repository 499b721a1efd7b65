// Several configuration files as one, by the rules of Xray. Ring 4, a rule without I/O.
#pragma once

#include <muxpro/proxy/settings.hpp>

#include <string>

namespace muxpro::proxy {

/// `later` joins `first`. An inbound or an outbound takes the place of the one with its tag. Other inbounds
/// go to the end of the list. Other outbounds go before those that are there, or behind them if the later
/// file is a `tail`. Any other key of `later` takes the place of the whole value.
setting merged(setting first, setting later, bool tail);
/// Whether a file's name makes it a tail.
bool is_tail(std::string_view file_name);

/// Returns JSON with indents of so many blanks, or in one line if `indent` is -1.
std::string json_text(const setting& value, int indent = 2);

}  // namespace muxpro::proxy
