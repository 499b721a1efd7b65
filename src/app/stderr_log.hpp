// The program's log: lines on stderr, by spdlog.
#pragma once

#include <muxpro/proxy/log.hpp>

#include <string>

namespace CLI {
class App;
}

namespace muxpro::app {

/// `level`: debug, info, warning, error or off. Once in a process.
proxy::log_sink make_log(const std::string& level);
/// --log-level, into `level`.
void add_log_level(CLI::App& command, std::string& level);

}  // namespace muxpro::app
