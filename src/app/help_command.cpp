// The command muxpro help, with the help of a command, and the reference of the configuration.
#include "commands.hpp"

#include <muxpro/proxy/config.hpp>
#include "lines.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::app {

namespace {

using section = proxy::config_reference::section;
using reference_key = proxy::config_reference::key;

constexpr std::string_view about_the_file =
    "A configuration is one JSON object in the format of V2Ray and Xray. Comments (//, # to the end of the "
    "line, "
    "/* */) and a comma after the last value are allowed. A key whose value is null counts as absent. Names "
    "of "
    "protocols and other choices may be in any case. A file has at most 16 MiB, 32 levels and 1000000 "
    "values.\n"
    "\n"
    "Lists that rules name (geosite.dat, geoip.dat) are read from --lists DIR, the directory of the file, "
    "XRAY_LOCATION_ASSET, V2RAY_LOCATION_ASSET, and the directories of Xray and V2Ray below /usr. "
    "geoip:private needs no file.\n"
    "\n"
    "On SIGHUP muxpro run reads the file again. Rules, balancers and accounts take effect at once, and open "
    "connections stay. Certificates are read again, and log files are opened again, even if the file has "
    "mistakes. "
    "Other changes need a restart; the log lists them. A file with mistakes changes nothing.\n"
    "\n"
    "muxpro help config PATH prints a part: PATH is a section or a key, such as inbounds.socks or "
    "routing.rules.";

/// Lines of at most 100 columns, each after `indent` blanks.
std::string wrapped(std::string_view text, std::size_t indent) {
  constexpr std::size_t columns = 100;
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    std::size_t end = line.size();
    if (end > columns - indent) end = line.rfind(' ', columns - indent);
    if (end == std::string_view::npos) end = line.size();
    out += fmt::format("{:{}}{}\n", "", end > 0 ? indent : 0, line.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string described(const reference_key& k) {
  std::string type = k.type;
  if (!k.fallback.empty()) type += fmt::format("; default: {}", k.fallback);
  if (k.required == k.type)
    type += "; required";
  else if (!k.required.empty())
    type += fmt::format("; required: {}", k.required);
  return wrapped(fmt::format("{}: {}", k.name, type), 2) + wrapped(k.meaning, 6);
}

std::string described(const section& s) {
  std::string out = s.object.empty() ? "Top level" : s.object;
  if (!s.variant.empty()) out += fmt::format("  (protocol {})", s.variant);
  out += "\n" + wrapped(s.meaning, 4);
  for (const reference_key& k : s.keys) out += "\n" + described(k);
  return out;
}

// A reader such as head may close the pipe early.
int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return 0;
}

int print_reference(const std::string& path) {
  const auto all = proxy::describe_config(proxy::registry::global());
  const auto part = all.below(path);
  if (part.sections.empty()) {
    const std::string meant = all.closest_match(path);
    throw usage_error(fmt::format("the configuration has no key '{}'{}", proxy::sanitized(path),
                                  meant.empty() ? "; muxpro help config lists all of them"
                                                : fmt::format("; did you mean '{}'?", meant)));
  }
  std::string text = path.empty() ? wrapped(about_the_file, 0) : std::string();
  for (const section& s : part.sections) text += (text.empty() ? "" : "\n") + described(s);
  return print(text);
}

int print_help(const CLI::App& app, const std::vector<std::string>& topic) {
  // App::help() would print the help of `help`.
  if (topic.empty()) return print(app.get_formatter()->make_help(&app, "muxpro", CLI::AppFormatMode::Normal));
  if (topic.front() == "config") return print_reference(topic.size() > 1 ? topic[1] : std::string());
  std::vector<std::string> names{"config"};
  for (const CLI::App* s : app.get_subcommands({})) {
    if (s->get_name() == topic.front()) return print(s->help());
    names.push_back(s->get_name());
  }
  throw usage_error(fmt::format("there is no help about '{}'; there is help about {}",
                                proxy::sanitized(topic.front()), fmt::join(names, ", ")));
}

}  // namespace

void add_help_command(CLI::App& app, command& run) {
  auto topic = std::make_shared<std::vector<std::string>>();
  CLI::App& s =
      *app.add_subcommand("help", "Print the help of a command, or the reference of the configuration.");
  s.add_option("topic", *topic, "A command, or: config [PATH]")->expected(0, 2);
  s.callback([topic, &app, &run] { run = [topic, &app] { return print_help(app, *topic); }; });
}

}  // namespace muxpro::app
