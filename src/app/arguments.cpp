#include "arguments.hpp"

#include "commands.hpp"

#include <muxpro/proxy/settings.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <string_view>

namespace muxpro::app {

namespace {

/// Long options that Xray's users write with one dash.
constexpr std::string_view with_one_dash[] = {"config",  "confdir", "format", "test", "dump",
                                              "version", "domain",  "name",   "org",  "expire",
                                              "file",    "cert",    "ip",     "json", "threads"};

std::string with_two_dashes(const std::string& argument) {
  if (argument.size() < 3 || argument[0] != '-' || argument[1] == '-') return argument;
  const std::string_view name = std::string_view(argument).substr(1);
  const std::string_view word = name.substr(0, name.find('='));
  if (word.size() == 1 && word.size() < name.size())  // -c=FILE
    return fmt::format("-{}{}", word, name.substr(2));
  const bool known =
      std::find(std::begin(with_one_dash), std::end(with_one_dash), word) != std::end(with_one_dash);
  return known ? "-" + argument : argument;
}

void refuse_unknown(const CLI::App& app, const std::string& first) {
  std::vector<std::string> names;
  for (const CLI::App* s : app.get_subcommands({})) names.push_back(s->get_name());
  if (std::find(names.begin(), names.end(), first) != names.end()) return;
  const std::string_view meant = proxy::closest_match(first, {names.begin(), names.end()});
  throw usage_error(fmt::format("there is no command '{}'; {}", proxy::sanitized(first),
                                meant.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                                              : fmt::format("did you mean '{}'?", meant)));
}

}  // namespace

std::vector<std::string> arguments(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) out.push_back(with_two_dashes(argv[i]));
  if (!out.empty() && out.front().front() != '-') refuse_unknown(app, out.front());
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace muxpro::app
