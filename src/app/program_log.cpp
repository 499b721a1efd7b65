#include "program_log.hpp"

#include "append_file.hpp"
#include "proxy/engine/log_thread.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <exception>
#include <iterator>
#include <string_view>
#include <utility>

namespace muxpro::app {

namespace {

using proxy::log_level;

constexpr std::array<std::string_view, 4> levels{"debug", "info", "warning", "error"};

/// Of this moment, by the local clock.
std::string time_stamp() {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  std::tm t{};
  ::localtime_r(&now.tv_sec, &t);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec, now.tv_nsec / 1'000'000);
}

std::string time_and_level(log_level level) {
  return fmt::format("{} {}", time_stamp(), levels[static_cast<std::size_t>(level)]);
}

std::string time_alone(log_level) { return time_stamp(); }

/// "2026/01/31 23:59:59.123456"
std::string time_as_xray(log_level) {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  std::tm t{};
  ::localtime_r(&now.tv_sec, &t);
  return fmt::format("{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:06}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec, now.tv_nsec / 1000);
}

proxy::log_sink without_addresses(proxy::log_sink to, proxy::address_mask m) {
  return
      [to = std::move(to), m](log_level level, std::string_view line) { to(level, proxy::masked(line, m)); };
}

std::size_t write_to_stderr(std::string_view text) { return write_all(STDERR_FILENO, text); }

}  // namespace

/// stderr or a file, with the thread that writes to it.
class program_log::place {
 public:
  place() : thread(write_to_stderr, time_and_level) {}
  place(const std::string& path, proxy::log_thread::heading head)
      : file(std::make_shared<append_file>(path)),
        thread([f = file](std::string_view text) { return f->write(text); }, std::move(head)) {}

  const std::shared_ptr<append_file> file;  ///< the thread may outlive the log
  proxy::log_thread thread;
};

program_log::program_log(const proxy::log_config& c) {
  if (!c.level)
    lines_ = [](log_level, std::string_view) {};
  else if (c.file.empty())
    lines_ = add(std::make_unique<place>(), *c.level);
  else
    lines_ = add(std::make_unique<place>(c.file, time_and_level), *c.level);
  if (!c.access)
    access_ = [](log_level, std::string_view) {};
  else if (!c.access->empty())
    access_ = add(std::make_unique<place>(*c.access, c.as_xray ? time_as_xray : time_alone), log_level::info);
  else if (c.as_xray && c.level)
    access_ = [&to = places_.front()->thread](log_level level, std::string_view line) {
      to.push(level, line);
    };
  for (proxy::log_sink* sink : {&lines_, &access_})
    if (c.mask != proxy::address_mask::none && *sink) *sink = without_addresses(std::move(*sink), c.mask);
}

program_log::~program_log() {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (const auto& p : places_) p->thread.end(until);
}

proxy::log_sink program_log::add(std::unique_ptr<place> p, log_level least) {
  proxy::log_thread& to = places_.emplace_back(std::move(p))->thread;
  return [&to, least](log_level level, std::string_view line) {
    if (level >= least) to.push(level, line);
  };
}

void program_log::reopen() {
  for (const auto& p : places_) {
    if (!p->file) continue;
    try {
      p->file->reopen();
    } catch (const std::exception& e) {
      lines_(log_level::error, e.what());
    }
  }
}

void log_files_read(const std::vector<std::string>& refused, const proxy::log_sink& log) {
  if (refused.empty()) log(log_level::info, "SIGHUP: files read again");
  for (const std::string& sentence : refused)
    log(log_level::error, fmt::format("{}; what was read before stays in use", sentence));
}

std::optional<log_level> level_named(const std::string& level) {
  const auto found = std::find(levels.begin(), levels.end(), level);
  if (found == levels.end()) return std::nullopt;
  return static_cast<log_level>(found - levels.begin());
}

void add_log_level(CLI::App& to, std::string& level) {
  to.add_option("--log-level", level, "debug, info, warning, error or off")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
}

}  // namespace muxpro::app
