// config_reference, by which readers describe their keys, with the part of the description that a path names.
#include "proxy/config/known_names.hpp"

#include <muxpro/proxy/settings.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

using section = config_reference::section;

/// A step of a path: "inbounds", with or without an index behind it. `optional` ones may be left out. A step
/// that is named allows to leave out the next one if `includes_next`.
struct path_step {
  std::string_view name;
  bool optional = false, includes_next = false;
};

std::vector<path_step> steps_to(const section& s) {
  std::vector<path_step> out;
  for (std::string_view rest = s.object; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find('.'));
    const std::string_view name = one.substr(0, one.find('['));
    out.push_back({name, name.front() >= '0' && name.front() <= '9'});
    if (out.size() == 1 && !s.variant.empty()) out.push_back({s.variant, true, true});  // its settings
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
  }
  return out;
}

/// Removes `name` and an index behind it from the beginning of `path`. Returns false if `path` begins
/// otherwise.
bool take_name(std::string_view& path, std::string_view name) {
  if (!same_word(path.substr(0, name.size()), name)) return false;
  std::string_view rest = path.substr(name.size());
  if (rest.starts_with('[')) rest.remove_prefix(std::min(rest.find(']'), rest.size() - 1) + 1);
  if (!rest.empty() && rest.front() != '.') return false;
  rest.remove_prefix(rest.empty() ? 0 : 1);
  path = rest;
  return true;
}

/// Whether the place to which the steps lead is at `path` or below it.
bool leads_below(std::string_view path, const path_step* first, const path_step* end) {
  if (path.empty()) return true;
  if (first == end) return false;
  std::string_view rest = path;
  if (take_name(rest, first->name)) {
    if (leads_below(rest, first + 1, end)) return true;
    if (first->includes_next && leads_below(rest, first + 2, end)) return true;
  }
  return first->optional && leads_below(path, first + 1, end);
}

bool is_below(std::string_view path, std::vector<path_step> steps, std::string_view key = {}) {
  if (!key.empty()) steps.push_back({key});
  return leads_below(path, steps.data(), steps.data() + steps.size());
}

/// The shortest path to a key, or to the section itself, that below() takes.
std::string short_path(const section& s, std::string_view key) {
  std::string out;
  const auto add = [&](std::string_view name) { out += fmt::format("{}{}", out.empty() ? "" : ".", name); };
  bool included = false;
  for (const path_step& one : steps_to(s)) {
    if (!included && (one.includes_next || !one.optional)) add(one.name);
    included = one.includes_next;
  }
  if (!key.empty()) add(key);
  return out;
}

const setting::object no_object;

}  // namespace

config_reference config_reference::below(std::string_view path) const {
  config_reference out;
  for (const section& s : sections) {
    const std::vector<path_step> steps = steps_to(s);
    section part{s.object, s.variant, s.meaning, {}};
    for (const key& k : s.keys)
      if (is_below(path, steps, k.name)) part.keys.push_back(k);
    if (!part.keys.empty() || is_below(path, steps)) out.sections.push_back(std::move(part));
  }
  return out;
}

std::string config_reference::closest_match(std::string_view path) const {
  std::vector<std::string> paths;
  for (const section& s : sections) {
    if (!s.object.empty()) paths.push_back(short_path(s, {}));
    for (const key& k : s.keys) paths.push_back(short_path(s, k.name));
  }
  std::vector<std::string_view> names(paths.begin(), paths.end());
  for (const std::string& p : paths) names.push_back(std::string_view(p).substr(p.rfind('.') + 1));
  const std::string_view meant = proxy::closest_match(path, names);
  if (meant.empty()) return {};
  const auto found =
      std::find_if(names.begin(), names.end(), [&](auto n) { return n.data() == meant.data(); });
  return paths[static_cast<std::size_t>(found - names.begin()) % paths.size()];
}

config_reference settings::describe(const reader& r) {
  config_reference out;
  config_mistakes ignored;
  settings s("", ignored, out, {}, {});
  r(s);
  s.describe_undescribed();
  return out;
}

settings::settings(std::string path, config_mistakes& to, config_reference& reference,
                   std::string_view variant, std::string_view meaning)
    : settings(no_object, std::move(path), to) {
  reference_ = &reference;
  section_ = reference.sections.size();
  reference.sections.push_back({path_, std::string(variant), std::string(meaning), {}});
}

config_reference::key& settings::entry(std::string_view name) {
  auto& keys = reference_->sections[section_].keys;
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.name == name; });
  if (found != keys.end()) return *found;
  return keys.emplace_back(config_reference::key{std::string(name), {}, {}, {}, {}});
}

void settings::describe(const setting_key& key, std::string type) {
  if (!describing()) return;
  config_reference::key& k = entry(key.name);
  k.type = std::move(type);
  if (!key.meaning.empty()) k.meaning = key.meaning;
  for (const std::string_view other : other_names(path_, key.name)) {
    config_reference::key& o = entry(other);
    o.type = fmt::format("the same as {}", key.name);
    o.meaning = fmt::format("Another name of {}.", key.name);
  }
}

bool settings::describe(const setting_key& key, std::string type, std::string fallback) {
  describe(key, std::move(type));
  entry(key.name).fallback = std::move(fallback);
  return false;
}

bool settings::describe_choice(const setting_key& key, const std::vector<std::string_view>& names,
                               std::string_view fallback) {
  const bool several = names.size() > 1;
  return describe(key, fmt::format("{}{}", several ? "one of " : "", fmt::join(without_empty(names), ", ")),
                  std::string(fallback));
}

void settings::describe_object(const setting_key& key, std::string_view suffix, const reader& r) {
  const std::string variant = reference_->sections[section_].variant;
  settings s(path(key.name).append(suffix), mistakes_, *reference_, variant, key.meaning);
  r(s);
  s.describe_undescribed();
}

void settings::describe_variant(const setting_key& key, std::string_view name, const reader& r) {
  if (!describing()) return;
  settings s(path(key.name), mistakes_, *reference_, name, key.meaning);
  r(s);
  s.describe_undescribed();
}

// A reader that asks for a key without a meaning shows in the reference, where tests find it.
void settings::describe_undescribed() {
  for (const std::string& key : asked_) entry(key);
}

}  // namespace muxpro::proxy
