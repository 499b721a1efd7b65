// The program's log, with lines on stderr or in files, each written by a thread of its own.
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

/// Where a configuration's lines go. Its sinks must not be called after it.
class program_log {
 public:
  /// Throws std::exception if a file cannot be written, or if there is no thread.
  explicit program_log(const proxy::log_config& c);
  program_log(const program_log&) = delete;
  /// What waits is written, as far as that is possible in a second.
  ~program_log();

  const proxy::log_sink& lines() const noexcept { return lines_; }
  /// For lines about connections. Empty if they go to the log.
  const proxy::log_sink& access() const noexcept { return access_; }
  /// Opens the files again by their names, after log rotation has renamed the old ones. A file that cannot be
  /// opened stays in use, and the log reports it.
  void reopen();

 private:
  class place;
  proxy::log_sink add(std::unique_ptr<place> p, proxy::log_level least);

  std::vector<std::unique_ptr<place>> places_;
  proxy::log_sink lines_, access_;
};

/// Logs the result of SIGHUP, as a line of level info, or one of level error for each sentence in `refused`,
/// about files of a transport that cannot be used.
void log_files_read(const std::vector<std::string>& refused, const proxy::log_sink& log);

/// `level` is debug, info, warning, error or off, which is nullopt.
std::optional<proxy::log_level> level_named(const std::string& level);

/// --log-level, into `level`.
void add_log_level(CLI::App& command, std::string& level);

}  // namespace muxpro::app
