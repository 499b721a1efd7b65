#include "proxy/config/changes.hpp"

#include <fmt/format.h>

#include <set>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

template <class T>
const T* as(const setting* s) {
  return s ? std::get_if<T>(&s->is) : nullptr;
}

const setting* member(const setting::object& o, std::string_view key) {
  const auto found = o.find(key);
  const bool there = found != o.end() && !std::holds_alternative<std::nullptr_t>(found->second.is);
  return there ? &found->second : nullptr;
}

/// Without those members, and without copying them.
setting without(const setting::object& from, std::initializer_list<std::string_view> keys) {
  setting::object kept;
  const std::set<std::string_view> left_out(keys);
  for (const auto& [key, value] : from)
    if (!left_out.contains(key)) kept.emplace(key, value);
  return setting(std::move(kept));
}

setting without_accounts(const setting& from) {
  const auto* o = as<setting::object>(&from);
  const auto* own = o ? as<setting::object>(member(*o, "settings")) : nullptr;
  if (!own) return from;
  setting out = without(*o, {"settings"});
  std::get<setting::object>(out.is).emplace("settings",
                                            without(*own, {"accounts", "auth", "clients", "users"}));
  return out;
}

void compare(const setting* before, const setting* after, const std::string& path,
             std::vector<std::string>& to);

void compare(const setting::object& before, const setting::object& after, const std::string& path,
             std::vector<std::string>& to) {
  std::set<std::string_view> keys;
  for (const auto* o : {&before, &after})
    for (const auto& [key, value] : *o) keys.insert(key);
  for (const std::string_view key : keys)
    compare(member(before, key), member(after, key),
            path.empty() ? sanitized(key) : fmt::format("{}.{}", path, sanitized(key)), to);
}

// Lists of different lengths are compared as wholes, because one new value would move all values after it.
void compare(const setting* before, const setting* after, const std::string& path,
             std::vector<std::string>& to) {
  const auto *o1 = as<setting::object>(before), *o2 = as<setting::object>(after);
  const auto *l1 = as<setting::list>(before), *l2 = as<setting::list>(after);
  if (o1 && o2) {
    compare(*o1, *o2, path, to);
  } else if (l1 && l2 && l1->size() == l2->size()) {
    for (std::size_t i = 0; i < l1->size(); ++i)
      compare(&(*l1)[i], &(*l2)[i], fmt::format("{}[{}]", path, i), to);
  } else if (!before || !after || *before != *after) {
    to.push_back(path);
  }
}

}  // namespace

setting restart_only_part(const setting& root) {
  const auto* o = as<setting::object>(&root);
  if (!o) return {};
  setting out = without(*o, {"routing", "inbounds"});
  if (const auto* inbounds = as<setting::list>(member(*o, "inbounds"))) {
    setting::list kept;
    for (const setting& i : *inbounds) kept.push_back(without_accounts(i));
    std::get<setting::object>(out.is).emplace("inbounds", std::move(kept));
  }
  return out;
}

setting part_of(const setting& root, std::initializer_list<std::string_view> keys) {
  setting::object out;
  const auto* o = as<setting::object>(&root);
  for (const std::string_view key : keys)
    if (const setting* const value = o ? member(*o, key) : nullptr) out.emplace(key, *value);
  return setting(std::move(out));
}

std::vector<std::string> changes(const setting& before, const setting& after) {
  std::vector<std::string> out;
  compare(&before, &after, "", out);
  return out;
}

}  // namespace muxpro::proxy
