#include "proxy/config/merge.hpp"

#include "proxy/base/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

std::string_view tag_of(const setting& s) {
  const auto* o = std::get_if<setting::object>(&s.is);
  if (!o) return {};
  const auto found = o->find("tag");
  const auto* tag = found == o->end() ? nullptr : std::get_if<std::string>(&found->second.is);
  return tag ? std::string_view(*tag) : std::string_view();
}

void merge_lists(setting::list& first, setting::list later, bool in_front) {
  setting::list others;
  for (setting& s : later) {
    const auto same = [&](const setting& f) { return !tag_of(f).empty() && tag_of(f) == tag_of(s); };
    const auto found = std::find_if(first.begin(), first.end(), same);
    if (found != first.end())
      *found = std::move(s);
    else
      others.push_back(std::move(s));
  }
  first.insert(in_front ? first.begin() : first.end(), std::make_move_iterator(others.begin()),
               std::make_move_iterator(others.end()));
}

nlohmann::ordered_json json_of(const setting& value) {
  if (const auto* list = std::get_if<setting::list>(&value.is)) {
    auto out = nlohmann::ordered_json::array();
    for (const setting& one : *list) out.push_back(json_of(one));
    return out;
  }
  if (const auto* members = std::get_if<setting::object>(&value.is)) {
    auto out = nlohmann::ordered_json::object();
    for (const auto& [key, one] : *members) out[key] = json_of(one);
    return out;
  }
  if (const auto* text = std::get_if<std::string>(&value.is)) return *text;
  if (const auto* flag = std::get_if<bool>(&value.is)) return *flag;
  const auto* n = std::get_if<double>(&value.is);
  constexpr double exact = 9007199254740992;  // 2^53
  if (n && std::trunc(*n) == *n && std::abs(*n) < exact) return static_cast<std::int64_t>(*n);
  return n ? nlohmann::ordered_json(*n) : nlohmann::ordered_json(nullptr);
}

}  // namespace

bool is_tail(std::string_view file_name) { return lower_case(file_name).find("tail") != std::string::npos; }

setting merged(setting first, setting later, bool tail) {
  auto* const to = std::get_if<setting::object>(&first.is);
  auto* const from = std::get_if<setting::object>(&later.is);
  if (!to || !from) return to ? later : first;  // the reader reports it
  for (auto& [key, value] : *from) {
    setting& there = (*to)[key];
    auto* const list = std::get_if<setting::list>(&there.is);
    auto* const more = std::get_if<setting::list>(&value.is);
    if (list && more && (key == "inbounds" || key == "outbounds"))
      merge_lists(*list, std::move(*more), key == "outbounds" && !tail);
    else if (!std::holds_alternative<std::nullptr_t>(value.is))
      there = std::move(value);
  }
  return first;
}

std::string json_text(const setting& value, int indent) {
  return json_of(value).dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace muxpro::proxy
