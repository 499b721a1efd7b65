// muxpro run and muxpro check: run and check a configuration file.
#include "commands.hpp"
#include "lines.hpp"
#include "stderr_log.hpp"
#include "until_signal.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

namespace muxpro::app {

namespace {

struct config_flags {
  std::string file, lists;
  std::size_t threads = 0;

  // The directory of lists such as geosite.dat.
  std::filesystem::path directory() const {
    if (!lists.empty()) return lists;
    const auto beside = std::filesystem::path(file).parent_path();
    return beside.empty() ? "." : beside;
  }
};

/// Reads at most one byte more than allowed, so that longer files are noticed.
std::string content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(proxy::max_config_size + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof()) throw std::runtime_error(fmt::format("cannot read {}", file));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

void print(const config_flags& flags, const proxy::config_mistake& m) {
  print_line(stderr, fmt::format("{}: {}", m.path.empty() ? flags.file : m.path, m.sentence));
}

/// What is read besides the text.
enum class reading { text_alone, files, files_and_variables };

/// Prints all mistakes and returns nullopt if there are some.
std::optional<proxy::config> read(const config_flags& flags, proxy::geo_files& geo, reading what) {
  proxy::config_mistakes mistakes;
  proxy::config c;
  if (const auto root = proxy::parse_json(content_of(flags.file), mistakes))
    c = read_config(*root, proxy::registry::global(), geo, mistakes);
  if (what != reading::text_alone) check_files(c, mistakes);
  if (what == reading::files_and_variables)
    for (const auto& m : c.unset) mistakes.add(m.path, m.sentence);
  for (const auto& m : mistakes.all()) print(flags, m);
  if (const auto more = mistakes.count() - mistakes.all().size(); more > 0)
    print_line(stderr, fmt::format("and {} more", more));
  if (!mistakes.empty()) return std::nullopt;
  return c;
}

// An unset variable is not a mistake here, because muxpro run may have another environment.
int check(const config_flags& flags) {
  proxy::geo_files geo(flags.directory());
  const auto c = read(flags, geo, reading::files);
  if (!c) return 1;
  for (const auto& m : c->unset) print(flags, {m.path, m.sentence + " here; muxpro run needs it"});
  for (const std::string& w : warnings_of(*c)) print_line(stdout, "warning: " + w);
  print_line(stdout, fmt::format("{}: good, {} inbounds, {} outbounds, {} rules", flags.file,
                                 c->inbounds.size(), c->outbounds.size(), c->routing.rules.size()));
  return 0;
}

/// Keeps the old state if the file cannot be read or has mistakes. Keeps each certificate that cannot be
/// replaced.
void reload(const config_flags& flags, proxy::configured_proxy& running, configured_log& to) {
  using proxy::log_level;
  const proxy::log_sink& log = to.log();
  to.reopen();
  log_files_read(running.reload_files(), log);
  try {
    proxy::geo_files geo(flags.directory());
    const auto c = read(flags, geo, reading::text_alone);
    if (!c) return log(log_level::error, fmt::format("{} has mistakes and is not reloaded", flags.file));
    const auto left = running.reload(*c, geo);
    log(log_level::info, fmt::format("{} reloaded", flags.file));
    if (!left.empty()) log(log_level::warning, fmt::format("needs a restart: {}", fmt::join(left, ", ")));
  } catch (const std::exception& e) {
    log(log_level::error, fmt::format("{}: not reloaded", e.what()));
  }
}

int run_config(const config_flags& flags) {
  proxy::geo_files geo(flags.directory());
  const auto c = read(flags, geo, reading::files_and_variables);
  if (!c) return 1;
  ending_signals signals;
  configured_log lines(c->log);
  for (const std::string& w : warnings_of(*c)) lines.log()(proxy::log_level::warning, w);
  proxy::configured_proxy running(*c, geo, threads_or_cores(flags.threads), lines.log(), lines.access());
  for (const auto& [tag, at] : running.listening())
    print_line(stdout, fmt::format("{} on {}", tag, proxy::to_string(at)));
  std::fflush(stdout);
  running.start();
  run_until_drained(
      signals, [&] { running.drain(); }, [&] { running.wait(); }, [&] { reload(flags, running, lines); });
  return 0;
}

void add(CLI::App& app, command& run, const char* name, const char* what, int (*work)(const config_flags&)) {
  auto flags = std::make_shared<config_flags>();
  CLI::App& s = *app.add_subcommand(name, what);
  s.add_option("-c,--config", flags->file, "The file: JSON; comments as //, # and /* */ are allowed")
      ->required();
  s.add_option("--lists", flags->lists, "Directory of geosite.dat and the like; default: that of the file");
  if (work == run_config)
    s.add_option("--threads", flags->threads, "Threads; 0: one for each core")->capture_default_str();
  s.callback([flags, &run, work] { run = [flags, work] { return work(*flags); }; });
}

}  // namespace

void add_config_commands(CLI::App& app, command& run) {
  add(app, run, "run", "Run the proxy that a configuration file describes.", run_config);
  add(app, run, "check",
      "Print every mistake in a configuration file. Opens only certificates, keys and lists.", check);
}

}  // namespace muxpro::app
