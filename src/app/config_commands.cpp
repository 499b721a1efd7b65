// The commands muxpro run and muxpro check, which run and check a configuration file.
#include "commands.hpp"
#include "config_source.hpp"
#include "lines.hpp"
#include "program_log.hpp"
#include "proxy/config/convert.hpp"
#include "proxy/config/merge.hpp"
#include "until_signal.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::app {

namespace {

struct config_flags {
  std::vector<std::string> files, directories;
  std::string lists, format, form = "newer";
  std::size_t threads = 0;
  bool ignore_unknown = false, test = false, dump = false;

  proxy::unknown_keys unknown() const {
    return ignore_unknown ? proxy::unknown_keys::notes : proxy::unknown_keys::mistakes;
  }
};

/// Where lists such as geosite.dat are looked for.
std::vector<std::filesystem::path> list_directories(const config_flags& flags, const config_source& source) {
  std::vector<std::filesystem::path> out;
  if (!flags.lists.empty()) out.emplace_back(flags.lists);
  out.push_back(source.directory());
  for (const char* variable : {"XRAY_LOCATION_ASSET", "V2RAY_LOCATION_ASSET"})
    if (const char* const directory = std::getenv(variable)) out.emplace_back(directory);
  for (const char* directory :
       {"/usr/local/share/xray", "/usr/share/xray", "/usr/share/v2ray", "/usr/local/share/v2ray"})
    out.emplace_back(directory);
  for (auto one = out.begin(); one != out.end();)  // a message lists them
    one = std::find(out.begin(), one, *one) == one ? one + 1 : out.erase(one);
  return out;
}

void print_mistake(const std::string& line) { print_line(stderr, line); }

/// What is read besides the text.
enum class reading { text_alone, files, files_and_variables };

/// What a source holds, with lines about its mistakes and its notes.
struct outcome {
  proxy::config content;
  std::vector<std::string> mistakes, notes, unset;
};

/// Reads the source. Its notes are no mistakes.
outcome read(const config_flags& flags, config_source& source, proxy::geo_files& geo, reading what) {
  proxy::config_mistakes mistakes(flags.unknown());
  outcome out;
  const auto root = source.read(mistakes);
  if (root) out.content = read_config(*root, proxy::registry::global(), geo, mistakes);
  if (what != reading::text_alone) check_files(out.content, mistakes);
  const auto line = [&](const proxy::config_mistake& m) {
    const std::string place = root ? source.place_of(*root, m.path) : source.name();
    return fmt::format("{}: {}", place, m.sentence);
  };
  for (const auto& m : out.content.unset)
    if (what == reading::files_and_variables)
      mistakes.add(m.path, m.sentence);
    else
      out.unset.push_back(line({m.path, m.sentence + " here; muxpro run needs it"}));
  for (const auto& m : mistakes.all()) out.mistakes.push_back(line(m));
  for (const auto& m : mistakes.notes()) out.notes.push_back("note: " + line(m));
  if (const auto more = mistakes.count() - mistakes.all().size(); more > 0)
    out.mistakes.push_back(fmt::format("and {} more", more));
  return out;
}

/// Prints mistakes and notes. False if there are mistakes.
bool print_lines(const outcome& o) {
  for (const std::string& line : o.mistakes) print_mistake(line);
  for (const std::string& line : o.notes) print_line(stdout, line);
  return o.mistakes.empty();
}

/// As run, so that a script sees the difference to a program that is not there (Xray: 23).
constexpr int bad_configuration = 23;

// An unset variable is not a mistake here, because muxpro run may have another environment.
bool is_good(const config_flags& flags) {
  config_source source(flags.files, flags.directories, flags.format);
  proxy::geo_files geo(list_directories(flags, source));
  const outcome o = read(flags, source, geo, reading::files);
  if (!print_lines(o)) return false;
  for (const std::string& line : o.unset) print_mistake(line);
  for (const std::string& w : warnings_of(o.content)) print_line(stdout, "warning: " + w);
  print_line(stdout, fmt::format("{}: good, {} inbounds, {} outbounds, {} rules", source.name(),
                                 o.content.inbounds.size(), o.content.outbounds.size(),
                                 o.content.routing.rules.size()));
  return true;
}

int check(const config_flags& flags) { return is_good(flags) ? 0 : 1; }

int test(const config_flags& flags) {
  if (!is_good(flags)) return bad_configuration;
  print_line(stdout, "Configuration OK.");  // the text of Xray
  return 0;
}

/// Returns nothing if mistakes were printed.
std::optional<proxy::setting> values_of(const config_flags& flags) {
  config_source source(flags.files, flags.directories, flags.format);
  proxy::config_mistakes mistakes;
  auto root = source.read(mistakes);
  for (const auto& m : mistakes.all()) print_mistake(fmt::format("{}: {}", source.name(), m.sentence));
  return root;
}

int dump(const config_flags& flags) {
  const auto root = values_of(flags);
  if (!root) return bad_configuration;
  print_line(stdout, proxy::json_text(*root));
  return 0;
}

int convert(const config_flags& flags) {
  auto root = values_of(flags);
  if (!root) return 1;
  const auto to = flags.form == "older" ? proxy::config_form::older : proxy::config_form::newer;
  print_line(stdout, proxy::json_text(converted(std::move(*root), to)));
  return 0;
}

/// Keeps the old state if the file cannot be read or has mistakes. Keeps each certificate that cannot be
/// replaced.
void reload(const config_flags& flags, config_source& source, proxy::configured_proxy& running,
            program_log& to) {
  using proxy::log_level;
  const proxy::log_sink& log = to.lines();
  to.reopen();
  log_files_read(running.reload_files(), log);
  try {
    proxy::geo_files geo(list_directories(flags, source));
    const outcome o = read(flags, source, geo, reading::text_alone);
    for (const std::string& line : o.mistakes) log(log_level::error, line);
    if (!o.mistakes.empty())
      return log(log_level::error, fmt::format("{} has mistakes and is not reloaded", source.name()));
    const auto left = running.reload(o.content, geo);
    log(log_level::info, fmt::format("{} reloaded", source.name()));
    if (!left.empty()) log(log_level::warning, fmt::format("needs a restart: {}", fmt::join(left, ", ")));
  } catch (const std::exception& e) {
    log(log_level::error, fmt::format("{}: not reloaded", e.what()));
  }
}

int run_config(const config_flags& flags) {
  if (flags.dump) return dump(flags);
  if (flags.test) return test(flags);
  config_source source(flags.files, flags.directories, flags.format);
  proxy::geo_files geo(list_directories(flags, source));
  const outcome o = read(flags, source, geo, reading::files_and_variables);
  for (const std::string& line : o.mistakes) print_mistake(line);
  if (!o.mistakes.empty()) return bad_configuration;
  ending_signals signals;
  program_log log(o.content.log);
  for (const std::string& line : o.notes) log.lines()(proxy::log_level::warning, line);
  for (const std::string& w : warnings_of(o.content)) log.lines()(proxy::log_level::warning, w);
  proxy::configured_proxy running(o.content, geo, threads_or_cores(flags.threads), log.lines(), log.access());
  for (const auto& [tag, at] : running.listening())
    print_line(stdout, fmt::format("{} on {}", tag, proxy::to_string(at)));
  std::fflush(stdout);
  running.reopen_logs_by([&log] { log.reopen(); });
  running.start();
  run_until_drained(
      signals, [&] { running.drain(); }, [&] { running.wait(); },
      [&] { reload(flags, source, running, log); });
  return 0;
}

void add(CLI::App& app, command& run, const char* name, const char* what, int (*work)(const config_flags&)) {
  auto flags = std::make_shared<config_flags>();
  CLI::App& s = *app.add_subcommand(name, what);
  s.callback([flags, &run, work] { run = [flags, work] { return work(*flags); }; });
  s.add_option("-c,--config,files", flags->files,
               "Files: JSON, with comments as //, # and /* */, or .yaml and .toml. Several files become one, "
               "as in Xray. "
               "- or stdin: is standard input; default: ./config.json");
  s.add_option("--confdir", flags->directories,
               "A directory whose .json, .yaml and .toml files are read as well");
  s.add_option("--format", flags->format, "json, yaml, toml, or auto: by the name of each file")
      ->check(CLI::IsMember({"json", "yaml", "toml", "auto"}));
  if (work == convert) {
    s.add_option("--to", flags->form, "The names and forms of V2Ray (older) or of Xray since 2025 (newer)")
        ->check(CLI::IsMember({"older", "newer"}))
        ->capture_default_str();
    return;
  }
  s.add_option("--lists", flags->lists,
               "Directory of geosite.dat and the like, before that of the file, XRAY_LOCATION_ASSET, "
               "V2RAY_LOCATION_ASSET, /usr/local/share/xray, /usr/share/xray and those of v2ray");
  s.add_flag("--ignore-unknown", flags->ignore_unknown, "Unknown keys are notes, not mistakes");
  if (work == run_config) {
    s.add_option("--threads", flags->threads, "Threads; 0: one for each core")->capture_default_str();
    s.add_flag("--test", flags->test, "Only check the configuration; status 23 if it has mistakes");
    s.add_flag("--dump", flags->dump, "Only print the files as one");
  }
}

}  // namespace

void add_config_commands(CLI::App& app, command& run) {
  add(app, run, "run", "Run the proxy that configuration files describe.", run_config);
  add(app, run, "check",
      "Print every mistake in configuration files. Opens only certificates, keys and lists.", check);
  add(app, run, "convert",
      "Print configuration files as JSON with the keys and names of older or newer versions.", convert);
}

}  // namespace muxpro::app
