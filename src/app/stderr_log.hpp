// The program's log: lines on stderr or in a file, by spdlog.
#pragma once

#include "proxy/config/config.hpp"

#include <muxpro/proxy/log.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace muxpro::app {

/// `level`: debug, info, warning, error or off. Once in a process.
proxy::log_sink make_log(const std::string& level);

/// After SIGHUP: a line of level info, or one of level error for each sentence in `refused`, about files of a
/// transport that cannot be used.
void log_files_read(const std::vector<std::string>& refused, const proxy::log_sink& log);

/// The same level as a value; nullopt for off.
std::optional<proxy::log_level> level_named(const std::string& level);

/// Where a configuration's lines go. Once in a process.
class configured_log {
 public:
  /// Throws std::exception if a file cannot be written.
  explicit configured_log(const proxy::log_config& c);
  ~configured_log();

  const proxy::log_sink& log() const noexcept { return log_; }
  /// For lines about connections. Empty if they go to the log.
  const proxy::log_sink& access() const noexcept { return access_; }
  /// Opens the files again by their names, after log rotation has renamed the old ones. A file that cannot be
  /// opened stays in use, and the log reports it.
  void reopen();

 private:
  class file;
  file& add(const std::string& path, const char* pattern);

  std::vector<std::unique_ptr<file>> files_;
  proxy::log_sink log_, access_;
};

/// --log-level, into `level`.
void add_log_level(CLI::App& command, std::string& level);

}  // namespace muxpro::app
