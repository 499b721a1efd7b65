#include "stderr_log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

namespace muxpro::app {

namespace {

constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                spdlog::level::warn, spdlog::level::err};

proxy::log_sink sink_of(const std::shared_ptr<spdlog::logger>& logger, spdlog::level::level_enum least) {
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  logger->set_level(least);
  logger->flush_on(spdlog::level::info);
  return [logger](proxy::log_level l, std::string_view line) {
    logger->log(levels[static_cast<std::size_t>(l)], line);
  };
}

}  // namespace

proxy::log_sink make_log(const std::string& level) {
  return sink_of(spdlog::stderr_logger_mt("muxpro"), spdlog::level::from_str(level));
}

proxy::log_sink make_log(const proxy::log_config& c) {
  const auto least = c.level ? levels[static_cast<std::size_t>(*c.level)] : spdlog::level::off;
  if (c.file.empty()) return sink_of(spdlog::stderr_logger_mt("muxpro"), least);
  return sink_of(spdlog::basic_logger_mt("muxpro", c.file), least);
}

proxy::log_sink make_access_log(const proxy::log_config& c) {
  if (!c.access) return [](proxy::log_level, std::string_view) {};
  if (c.access->empty()) return {};
  const auto logger = spdlog::basic_logger_mt("access", *c.access);
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %v");
  logger->flush_on(spdlog::level::info);
  return [logger](proxy::log_level, std::string_view line) { logger->info(line); };
}

void add_log_level(CLI::App& command, std::string& level) {
  command.add_option("--log-level", level, "debug, info, warning, error or off")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
}

}  // namespace muxpro::app
