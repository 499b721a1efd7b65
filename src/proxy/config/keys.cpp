// The keys of an object by their names, and keys that have no meaning.
#include "proxy/config/known_names.hpp"

#include <muxpro/proxy/settings.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

bool has_value(const setting::object& o, std::string_view key) {
  const auto found = o.find(key);
  return found != o.end() && !std::holds_alternative<std::nullptr_t>(found->second.is);
}

/// Whether the object has the key with another value than null and an empty text.
bool has_content(const setting::object& o, std::string_view key) {
  const auto found = o.find(key);
  if (found == o.end()) return false;
  const auto* text = std::get_if<std::string>(&found->second.is);
  return text ? !text->empty() : !std::holds_alternative<std::nullptr_t>(found->second.is);
}

bool is_one_of(std::string_view name, const std::vector<std::string_view>& names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return same_word(n, name); });
}

/// Returns whether such a value of a part that muxpro does not have requests no function.
bool asks_for_nothing(const setting& value) {
  if (const auto* o = std::get_if<setting::object>(&value.is))
    return std::all_of(o->begin(), o->end(), [](const auto& one) { return asks_for_nothing(one.second); });
  if (const auto* list = std::get_if<setting::list>(&value.is)) return list->empty();
  if (const auto* text = std::get_if<std::string>(&value.is))
    return text->empty() || same_word(*text, "none");
  if (const auto* flag = std::get_if<bool>(&value.is)) return !*flag;
  const auto* number = std::get_if<double>(&value.is);
  return !number || *number == 0;
}

/// Returns "; did you mean 'X'?", or an empty text.
std::string suggestion(std::string_view meant) {
  return meant.empty() ? std::string() : fmt::format("; did you mean '{}'?", meant);
}

}  // namespace

/// The name by which the object has the key. Go, and so Xray, takes names of keys in any case.
std::string_view settings::written(std::string_view key) const {
  if (has_content(object_, key)) return key;
  std::vector<std::string_view> names = other_names(path_, key);
  for (const std::string_view other : names)
    if (has_content(object_, other)) return other;
  names.insert(names.begin(), key);
  for (const auto& [name, value] : object_)
    if (is_one_of(name, names) && has_content(object_, name)) return name;
  const auto with_value =
      std::find_if(names.begin(), names.end(), [&](auto name) { return has_value(object_, name); });
  return with_value == names.end() ? key : *with_value;
}

const setting* settings::value_of(std::string_view key) const {
  const std::string_view name = written(key);
  return has_value(object_, name) ? &object_.find(name)->second : nullptr;
}

std::string settings::path(std::string_view key) const {
  const std::string_view name = written(key);
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

const setting* settings::find(std::string_view key) {
  if (!asked(key)) asked_.emplace_back(key);
  return value_of(key);
}

bool settings::has(std::string_view key) { return find(key) != nullptr; }

bool settings::one_or_more(const setting_key& key, const std::function<void(settings&, std::size_t)>& r) {
  const setting* const v = describing() ? nullptr : find(key.name);
  if (v && std::holds_alternative<setting::list>(v->is)) return objects(key, r);
  return object(key, [&](settings& s) { r(s, 0); }) || v;
}

bool settings::texts_or_objects(const setting_key& key,
                                const std::function<void(std::string_view, const std::string&)>& text,
                                const reader& r) {
  if (describing()) {
    describe(key, "a list of texts and objects");
    return describe_object(key, "[]", r), false;
  }
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto* l = std::get_if<setting::list>(&v->is);
  if (!l) return expected(key.name, *v, "a list of texts and objects"), false;
  for (std::size_t i = 0; i < l->size(); ++i) {
    const std::string place = fmt::format("{}[{}]", key.name, i);
    if (const auto* t = std::get_if<std::string>(&(*l)[i].is))
      text(place, *t);
    else
      read((*l)[i], path(place), mistakes_, r);
  }
  return true;
}

void settings::pass_over(std::string_view key, std::string sentence) {
  passed_over_.emplace_back(key);
  if (!sentence.empty() && value_of(key)) note(key, std::move(sentence));
}

void settings::report_both_names() {
  for (const std::string& key : asked_) {
    const std::string_view used = written(key);
    std::vector<std::string_view> names = other_names(path_, key);
    names.insert(names.begin(), key);
    for (const auto& [name, value] : object_)
      if (name != used && is_one_of(name, names) && has_content(object_, name))
        mistakes_.add(path_.empty() ? sanitized(name) : fmt::format("{}.{}", path_, sanitized(name)),
                      fmt::format("is used together with {}, which means the same", used));
  }
}

void settings::not_one_of(std::string_view key, std::string_view name,
                          const std::vector<std::string_view>& allowed) {
  if (mistakes_.full()) return mistakes_.add({}, {});  // as in report_unknown()
  const auto is = fmt::format("is '{}'; ", sanitized(name));
  if (const auto what = not_had_value(key, name); !what.empty())
    wrong(key, fmt::format("{}muxpro has no {}", is, what));
  else if (allowed.empty())
    wrong(key, is + "no value is allowed here");
  else
    wrong(key,
          fmt::format("{}it must be {}{}{}", is, allowed.size() > 1 ? "one of " : "",
                      fmt::join(without_empty(allowed), ", "), suggestion(closest_match(name, allowed))));
}

void settings::report_unknown() {
  report_both_names();
  std::vector<std::string_view> known(asked_.begin(), asked_.end());
  for (const std::string& key : asked_)
    for (const std::string_view other : other_names(path_, key)) known.push_back(other);
  std::vector<std::string_view> passed_over(passed_over_.begin(), passed_over_.end());
  for (const auto& [key, value] : object_)
    if (!is_one_of(key, known) && !is_one_of(key, passed_over)) report_unknown(key, known);
}

void settings::report_unknown(std::string_view key, const std::vector<std::string_view>& known) {
  // The search for a suggestion takes time, and the mistake is not printed.
  if (mistakes_.full()) return mistakes_.add({}, {});
  const std::string name = sanitized(key);
  const auto what = not_had_key(path_, key);
  const bool known_elsewhere = !what.empty() || is_without_effect(path_, key);
  if (known_elsewhere && !has_value(object_, key)) return;
  if (!what.empty() && asks_for_nothing(object_.find(key)->second)) return;
  if (!what.empty()) return wrong(name, fmt::format("is not supported; muxpro has no {}", what));
  if (known_elsewhere) return note(name, "has no effect");
  if (mistakes_.unknown() == unknown_keys::notes) return note(name, "there is no such key; it has no effect");
  const std::string hint = suggestion(closest_match(key, known));
  const std::string all =
      known.empty() ? std::string() : fmt::format("; there may be {}", fmt::join(known, ", "));
  wrong(name, "there is no such key" + (hint.empty() ? all : hint));
}

}  // namespace muxpro::proxy
