// The program's log: lines on stderr or in a file, by spdlog.
#pragma once

#include <muxpro/proxy/config.hpp>
#include <muxpro/proxy/log.hpp>

#include <string>

namespace CLI {
class App;
}

namespace muxpro::app {

/// `level`: debug, info, warning, error or off. Once in a process.
proxy::log_sink make_log(const std::string& level);
/// As a configuration says. Throws std::runtime_error if the file cannot be written.
proxy::log_sink make_log(const proxy::log_config& c);
/// Where lines about connections go; none: the log.
proxy::log_sink make_access_log(const proxy::log_config& c);
/// --log-level, into `level`.
void add_log_level(CLI::App& command, std::string& level);

}  // namespace muxpro::app
