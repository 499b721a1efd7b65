#include "config_format.hpp"

#include "proxy/config/config.hpp"

#include <fmt/format.h>

#if defined(MUXPRO_YAML)
#include <yaml-cpp/yaml.h>
#endif
#if defined(MUXPRO_TOML)
#include <toml++/toml.h>
#endif

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace muxpro::app {

namespace {

using proxy::setting;

struct named_format {
  std::string_view name;
  config_format format;
};
constexpr named_format known_formats[] = {{"json", config_format::json},
                                          {"yaml", config_format::yaml},
                                          {"yml", config_format::yaml},
                                          {"toml", config_format::toml}};

constexpr int deepest = 64;
/// An alias of YAML may stand for a large part of the text, again and again.
constexpr std::size_t most_values = 1'000'000;

struct not_readable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

#if defined(MUXPRO_YAML) || defined(MUXPRO_TOML)
/// Counts values, and refuses those that are too many or too deep.
class bounds {
 public:
  void enter(int depth) {
    if (depth > deepest) throw not_readable(fmt::format("is nested more than {} deep", deepest));
    if (++count_ > most_values) throw not_readable(fmt::format("has more than {} values", most_values));
  }

 private:
  std::size_t count_ = 0;
};
#endif

#if defined(MUXPRO_YAML)
setting plain_scalar(const std::string& text) {
  if (text == "null" || text == "~" || text.empty()) return setting();
  if (text == "true" || text == "false") return setting(text == "true");
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec == std::errc() && end == text.data() + text.size() && std::isfinite(number)) return setting(number);
  return setting(text);
}

setting value_of(const YAML::Node& n, bounds& b, int depth) {
  b.enter(depth);
  if (n.IsSequence()) {
    setting::list out;
    for (const YAML::Node& one : n) out.push_back(value_of(one, b, depth + 1));
    return setting(std::move(out));
  }
  if (n.IsMap()) {
    setting::object out;
    for (const auto& pair : n) {
      const auto key = pair.first.as<std::string>();
      if (!out.emplace(key, value_of(pair.second, b, depth + 1)).second)
        throw not_readable(fmt::format("has the key '{}' twice in line {}", proxy::sanitized(key),
                                       pair.first.Mark().line + 1));
    }
    return setting(std::move(out));
  }
  if (!n.IsScalar()) return setting();
  return n.Tag() == "!" ? setting(n.Scalar()) : plain_scalar(n.Scalar());  // "!": in quotes
}

setting parse_yaml(const std::string& text) try {
  bounds b;
  return value_of(YAML::Load(text), b, 0);
} catch (const YAML::Exception& e) {
  throw not_readable(
      fmt::format("is not YAML in line {}, column {}: {}", e.mark.line + 1, e.mark.column + 1, e.msg));
}
#else
setting parse_yaml(const std::string&) {
  throw not_readable("is YAML, and this muxpro was built without it (Debian: libyaml-cpp-dev)");
}
#endif

#if defined(MUXPRO_TOML)
setting value_of(const toml::node& n, bounds& b, int depth) {
  b.enter(depth);
  if (const auto* const table = n.as_table()) {
    setting::object out;
    for (const auto& [key, value] : *table)
      out.emplace(std::string(key.str()), value_of(value, b, depth + 1));
    return setting(std::move(out));
  }
  if (const auto* const array = n.as_array()) {
    setting::list out;
    for (const toml::node& one : *array) out.push_back(value_of(one, b, depth + 1));
    return setting(std::move(out));
  }
  if (const auto flag = n.value_exact<bool>()) return setting(*flag);
  if (const auto number = n.value<double>()) return setting(*number);
  if (auto word = n.value_exact<std::string>()) return setting(std::move(*word));
  throw not_readable(
      fmt::format("has in line {} a date or a time, which no key takes", n.source().begin.line));
}

setting parse_toml(const std::string& text) try {
  bounds b;
  return value_of(toml::parse(text), b, 0);
} catch (const toml::parse_error& e) {
  const auto at = e.source().begin;
  throw not_readable(
      fmt::format("is not TOML in line {}, column {}: {}", at.line, at.column, e.description()));
}
#else
setting parse_toml(const std::string&) {
  throw not_readable("is TOML, and this muxpro was built without it (Debian: libtomlplusplus-dev)");
}
#endif

}  // namespace

std::optional<config_format> format_by_name(std::string_view name) {
  for (const named_format& f : known_formats)
    if (f.name == name) return f.format;
  return std::nullopt;
}

std::optional<config_format> format_of_file(std::string_view file) {
  const std::size_t dot = file.rfind('.');
  return dot == std::string_view::npos ? std::nullopt : format_by_name(file.substr(dot + 1));
}

std::optional<setting> parse_config(const std::string& text, config_format f,
                                    proxy::config_mistakes& to) try {
  if (f == config_format::json) return proxy::parse_json(text, to);
  if (text.size() > proxy::max_config_size)
    throw not_readable(fmt::format("is longer than {} MiB", proxy::max_config_size >> 20));
  return f == config_format::yaml ? parse_yaml(text) : parse_toml(text);
} catch (const not_readable& e) {
  to.add({}, e.what());
  return std::nullopt;
}

}  // namespace muxpro::app
