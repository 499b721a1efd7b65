#include "stderr_log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <exception>
#include <iterator>

namespace muxpro::app {

namespace {

constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                spdlog::level::warn, spdlog::level::err};

constexpr char with_level[] = "%Y-%m-%d %H:%M:%S.%e %l %v";

proxy::log_sink lines_to(const std::shared_ptr<spdlog::logger>& logger, spdlog::level::level_enum least,
                         const char* pattern) {
  logger->set_pattern(pattern);
  logger->set_level(least);
  logger->flush_on(spdlog::level::info);
  return [logger](proxy::log_level l, std::string_view line) {
    logger->log(levels[static_cast<std::size_t>(l)], line);
  };
}

}  // namespace

proxy::log_sink make_log(const std::string& level) {
  return lines_to(spdlog::stderr_logger_mt("muxpro"), spdlog::level::from_str(level), with_level);
}

void log_files_read(const std::vector<std::string>& refused, const proxy::log_sink& log) {
  if (refused.empty()) log(proxy::log_level::info, "SIGHUP: files read again");
  for (const std::string& sentence : refused)
    log(proxy::log_level::error, fmt::format("{}; what was read before stays in use", sentence));
}

std::optional<proxy::log_level> level_named(const std::string& level) {
  const auto found = std::find(std::begin(levels), std::end(levels), spdlog::level::from_str(level));
  if (found == std::end(levels)) return std::nullopt;
  return static_cast<proxy::log_level>(found - std::begin(levels));
}

class configured_log::file {
 public:
  file(std::string path, const char* pattern) : path_(std::move(path)), pattern_(pattern) { open(); }
  void open() {
    const auto now = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path_);
    now->set_pattern(pattern_);
    sink_->set_sinks({now});
  }
  proxy::log_sink lines(const char* logger, spdlog::level::level_enum least) const {
    return lines_to(std::make_shared<spdlog::logger>(logger, sink_), least, pattern_);
  }

 private:
  const std::string path_;
  const char* const pattern_;
  const std::shared_ptr<spdlog::sinks::dist_sink_mt> sink_ = std::make_shared<spdlog::sinks::dist_sink_mt>();
};

configured_log::configured_log(const proxy::log_config& c) {
  const auto least = c.level ? levels[static_cast<std::size_t>(*c.level)] : spdlog::level::off;
  if (c.file.empty())
    log_ = lines_to(spdlog::stderr_logger_mt("muxpro"), least, with_level);
  else
    log_ = add(c.file, with_level).lines("muxpro", least);
  if (!c.access)
    access_ = [](proxy::log_level, std::string_view) {};
  else if (!c.access->empty())
    access_ = add(*c.access, "%Y-%m-%d %H:%M:%S.%e %v").lines("access", spdlog::level::info);
}

configured_log::~configured_log() = default;

configured_log::file& configured_log::add(const std::string& path, const char* pattern) {
  return *files_.emplace_back(std::make_unique<file>(path, pattern));
}

void configured_log::reopen() {
  for (const auto& f : files_) {
    try {
      f->open();
    } catch (const std::exception& e) {
      log_(proxy::log_level::error, e.what());
    }
  }
}

void add_log_level(CLI::App& command, std::string& level) {
  command.add_option("--log-level", level, "debug, info, warning, error or off")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
}

}  // namespace muxpro::app
