// muxpro run and muxpro check: what a configuration file says.
#include "commands.hpp"
#include "stderr_log.hpp"
#include "until_signal.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace muxpro::app {

namespace {

struct config_flags {
  std::string file, lists;
  std::size_t threads = 0;

  // Where lists like geosite.dat lie.
  std::filesystem::path directory() const {
    if (!lists.empty()) return lists;
    const auto beside = std::filesystem::path(file).parent_path();
    return beside.empty() ? "." : beside;
  }
};

/// One byte more than may be, so that longer ones show.
std::string content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(proxy::max_config_size + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof()) throw std::runtime_error(fmt::format("cannot read {}", file));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

/// Prints all mistakes; nothing if there were some.
std::optional<proxy::config> read(const config_flags& flags, proxy::geo_files& geo) {
  proxy::config_mistakes mistakes;
  proxy::config c;
  if (const auto root = proxy::parse_json(content_of(flags.file), mistakes))
    c = read_config(*root, proxy::transport_registry::global(), geo, mistakes);
  for (const auto& m : mistakes.all())
    fmt::print(stderr, "{}: {}\n", m.path.empty() ? flags.file : m.path, m.sentence);
  if (const auto more = mistakes.count() - mistakes.all().size(); more > 0)
    fmt::print(stderr, "and {} more\n", more);
  if (!mistakes.empty()) return std::nullopt;
  return c;
}

int check(const config_flags& flags) {
  proxy::geo_files geo(flags.directory());
  const auto c = read(flags, geo);
  if (!c) return 1;
  fmt::print("{}: good, {} inbounds, {} outbounds, {} rules\n", flags.file, c->inbounds.size(),
             c->outbounds.size(), c->routing.rules.size());
  return 0;
}

/// The old state stays where the file has mistakes, or cannot be read.
void reload(const config_flags& flags, proxy::configured_proxy& running, configured_log& to) {
  using proxy::log_level;
  const proxy::log_sink& log = to.log();
  to.reopen();
  try {
    proxy::geo_files geo(flags.directory());
    const auto c = read(flags, geo);
    if (!c) return log(log_level::error, fmt::format("{} has mistakes: not reloaded", flags.file));
    const auto left = running.reload(*c, geo);
    log(log_level::info, fmt::format("{} reloaded", flags.file));
    if (!left.empty()) log(log_level::warning, fmt::format("needs a restart: {}", fmt::join(left, ", ")));
  } catch (const std::exception& e) {
    log(log_level::error, fmt::format("{}: not reloaded", e.what()));
  }
}

int run_config(const config_flags& flags) {
  proxy::geo_files geo(flags.directory());
  const auto c = read(flags, geo);
  if (!c) return 1;
  const std::size_t threads =
      flags.threads ? flags.threads : std::max(1u, std::thread::hardware_concurrency());
  ending_signals signals;
  signals.hangup.add(SIGHUP);
  configured_log lines(c->log);
  proxy::configured_proxy running(*c, geo, threads, lines.log(), lines.access());
  for (const auto& [tag, at] : running.listening()) fmt::print("{} on {}\n", tag, proxy::to_string(at));
  std::fflush(stdout);
  running.start();
  run_until_drained(
      signals, [&] { running.drain(); }, [&] { running.wait(); }, [&] { reload(flags, running, lines); });
  return 0;
}

void add(CLI::App& app, command& run, const char* name, const char* what, int (*work)(const config_flags&)) {
  auto flags = std::make_shared<config_flags>();
  CLI::App& s = *app.add_subcommand(name, what);
  s.add_option("-c,--config", flags->file, "The file: JSON, with // and /* comments */")->required();
  s.add_option("--lists", flags->lists, "Directory of geosite.dat and the like; default: that of the file");
  if (work == run_config)
    s.add_option("--threads", flags->threads, "Threads; 0: one for each core")->capture_default_str();
  s.callback([flags, &run, work] { run = [flags, work] { return work(*flags); }; });
}

}  // namespace

void add_config_commands(CLI::App& app, command& run) {
  add(app, run, "run", "Be what a configuration file says.", run_config);
  add(app, run, "check", "Say all that is wrong with a configuration file; opens nothing but lists of rules.",
      check);
}

}  // namespace muxpro::app
