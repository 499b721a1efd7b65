#include <muxpro/proxy/settings.hpp>

#include "proxy/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace muxpro::proxy {

namespace {

bool is_null(const setting& v) { return std::holds_alternative<std::nullptr_t>(v.is); }

std::string described(const setting& v) {
  if (is_null(v)) return "null";
  if (const auto* b = std::get_if<bool>(&v.is)) return *b ? "true" : "false";
  if (const auto* n = std::get_if<double>(&v.is)) return fmt::format("{}", *n);
  if (const auto* t = std::get_if<std::string>(&v.is)) return fmt::format("'{}'", sanitized(*t));
  return std::holds_alternative<setting::list>(v.is) ? "a list" : "an object";
}

std::optional<double> number_of(const setting& v) {
  if (const auto* n = std::get_if<double>(&v.is)) return *n;
  const auto* t = std::get_if<std::string>(&v.is);
  if (!t || t->size() > 15) return std::nullopt;
  const auto n = number<std::uint64_t>(*t);
  return n ? std::optional(static_cast<double>(*n)) : std::nullopt;
}

// As JSON. An empty result for an empty text or list.
std::string as_json(std::string_view text) { return text.empty() ? "" : fmt::format("\"{}\"", text); }
std::string as_json(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& t : texts) out += (out.empty() ? "[" : ", ") + as_json(t);
  return out.empty() ? out : out + "]";
}

}  // namespace

void config_mistakes::add(std::string path, std::string sentence) {
  if (++count_ <= most) all_.push_back({std::move(path), std::move(sentence)});
}

void config_mistakes::note(std::string path, std::string sentence) {
  if (notes_.size() < most) notes_.push_back({std::move(path), std::move(sentence)});
}

bool settings::read(const setting& value, std::string path, config_mistakes& to, const reader& read) {
  const auto* o = std::get_if<setting::object>(&value.is);
  if (!o) {
    to.add(std::move(path), fmt::format("is {}; it must be an object", described(value)));
    return false;
  }
  settings s(*o, std::move(path), to);
  read(s);
  s.report_unknown();
  return true;
}

void settings::wrong(std::string_view key, std::string sentence) {
  mistakes_.add(path(key), std::move(sentence));
}

void settings::note(std::string_view key, std::string sentence) {
  mistakes_.note(path(key), std::move(sentence));
}

void settings::expected(std::string_view key, const setting& found, std::string_view what) {
  wrong(key, fmt::format("is {}; it must be {}", described(found), what));
}

void settings::refuse(std::string_view key, std::string sentence) {
  if (value_of(key) && find(key)) wrong(key, std::move(sentence));
}

bool settings::needs(std::string_view key, std::string_view what) {
  if (describing()) return entry(key).required = what, true;
  if (find(key)) return true;
  wrong(key, fmt::format("is missing; it must be {}", what));
  return false;
}

bool settings::text(const setting_key& key, std::string& out) {
  if (describing()) return describe(key, "a text", as_json(out));
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto* t = std::get_if<std::string>(&v->is);
  if (!t) return expected(key.name, *v, "a text"), false;
  out = *t;
  return true;
}

bool settings::secret(const setting_key& key, std::string& out) {
  if (describing()) return describe(key, "a text", as_json(out));
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto* t = std::get_if<std::string>(&v->is);
  if (!t) return wrong(key.name, "must be a text"), false;
  out = *t;
  return true;
}

bool settings::flag(const setting_key& key, bool& out) {
  if (describing()) return describe(key, "true or false", out ? "true" : "false");
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto* b = std::get_if<bool>(&v->is);
  if (!b) return expected(key.name, *v, "true or false"), false;
  out = *b;
  return true;
}

bool settings::flag(const setting_key& key, std::optional<bool>& out) {
  if (describing()) return describe(key, "true or false", ""), false;
  bool value = false;
  const bool there = flag(key, value);
  if (there) out = value;
  return there;
}

bool settings::flag_or_count(const setting_key& key, bool& out, std::uint32_t& count) {
  constexpr const char* what = "true, false or a whole number up to 65535";
  if (describing()) return describe(key, what, out ? "true" : "false");
  const setting* const v = find(key.name);
  if (!v || std::holds_alternative<bool>(v->is)) return flag(key, out);
  const auto n = number_of(*v);
  if (!n || *n != std::floor(*n) || *n > 65535) return expected(key.name, *v, what), false;
  out = *n > 0;
  if (out) count = static_cast<std::uint32_t>(*n);
  return true;
}

bool settings::whole(const setting_key& key, std::int64_t& out, std::int64_t least, std::int64_t most) {
  const auto what = [&] { return fmt::format("a whole number from {} to {}", least, most); };
  if (describing()) return describe(key, what(), out >= least && out <= most ? fmt::format("{}", out) : "");
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto n = number_of(*v);
  const bool fits =
      n && *n == std::floor(*n) && *n >= static_cast<double>(least) && *n <= static_cast<double>(most);
  if (!fits) return expected(key.name, *v, what()), false;
  out = static_cast<std::int64_t>(*n);
  return true;
}

bool settings::real(const setting_key& key, double& out, double least, double most) {
  const auto what = [&] { return fmt::format("a number from {} to {}", least, most); };
  if (describing()) return describe(key, what(), fmt::format("{}", out));
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto n = number_of(*v);
  if (!n || !(*n >= least && *n <= most)) return expected(key.name, *v, what()), false;
  out = *n;
  return true;
}

bool settings::time(const setting_key& key, duration& out, duration unit, double least, double most) {
  const auto what = [&] {
    const bool seconds = unit == std::chrono::seconds(1);
    return fmt::format("a number of {} from {} to {}", seconds ? "seconds" : "milliseconds", least, most);
  };
  if (describing())
    return describe(key, what(), fmt::format("{}", std::chrono::duration<double>(out) / unit));
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto n = number_of(*v);
  if (!n || !(*n >= least && *n <= most)) return expected(key.name, *v, what()), false;
  out = std::chrono::duration_cast<duration>(unit * *n);
  return true;
}

bool settings::texts(const setting_key& key, std::vector<std::string>& out) {
  if (describing()) return describe(key, "a text or a list of texts", as_json(out));
  const setting* const v = find(key.name);
  if (!v) return false;
  if (const auto* t = std::get_if<std::string>(&v->is)) {
    out.clear();
    for (std::string_view rest = *t; !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      if (const auto one = trimmed(rest.substr(0, comma)); !one.empty()) out.emplace_back(one);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return true;
  }
  const auto* l = std::get_if<setting::list>(&v->is);
  if (!l) return expected(key.name, *v, "a text or a list of texts"), false;
  out.clear();
  bool good = true;
  for (std::size_t i = 0; i < l->size(); ++i) {
    const auto* t = std::get_if<std::string>(&(*l)[i].is);
    if (t)
      out.push_back(*t);
    else
      expected(fmt::format("{}[{}]", key.name, i), (*l)[i], "a text");
    good &= t != nullptr;
  }
  return good;
}

bool settings::text_or_number(const setting_key& key, std::string& out) {
  if (describing()) return describe(key, "a number or a text", as_json(out));
  const setting* const v = find(key.name);
  if (!v) return false;
  if (const auto* n = std::get_if<double>(&v->is)) return out = fmt::format("{}", *n), true;
  const auto* t = std::get_if<std::string>(&v->is);
  if (!t) return expected(key.name, *v, "a number or a text"), false;
  out = *t;
  return true;
}

bool settings::numbers(const setting_key& key, std::string& out) {
  if (describing()) return describe(key, "a list of numbers", "");
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto* l = std::get_if<setting::list>(&v->is);
  if (!l) return expected(key.name, *v, "a list of numbers"), false;
  out.clear();
  for (std::size_t i = 0; i < l->size(); ++i) {
    const auto* n = std::get_if<double>(&(*l)[i].is);
    if (!n) return expected(fmt::format("{}[{}]", key.name, i), (*l)[i], "a number"), false;
    out += fmt::format("{}{}", out.empty() ? "" : ",", *n);
  }
  return true;
}

bool settings::object(const setting_key& key, const reader& r) {
  if (describing()) {
    describe(key, "an object");
    return describe_object(key, "", r), false;
  }
  const setting* const v = find(key.name);
  return v && read(*v, path(key.name), mistakes_, r);
}

bool settings::objects(const setting_key& key, const std::function<void(settings&, std::size_t)>& r,
                       std::size_t most) {
  if (describing()) {
    describe(key, fmt::format("a list of at most {} objects", most));
    return describe_object(key, "[]", [&](settings& s) { r(s, 0); }), false;
  }
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto* l = std::get_if<setting::list>(&v->is);
  if (!l) return expected(key.name, *v, "a list of objects"), false;
  if (l->size() > most) {
    wrong(key.name, fmt::format("has {} objects; it may have at most {}", l->size(), most));
    return false;
  }
  for (std::size_t i = 0; i < l->size(); ++i)
    read((*l)[i], fmt::format("{}[{}]", path(key.name), i), mistakes_, [&](settings& s) { r(s, i); });
  return true;
}

bool settings::each(const setting_key& key, const named_reader& r) {
  if (describing()) return describe(key, "an object whose keys are names", "");
  const setting* const v = find(key.name);
  if (!v) return false;
  const auto* o = std::get_if<setting::object>(&v->is);
  if (!o) return expected(key.name, *v, "an object"), false;
  for (const auto& [name, value] : *o)
    if (!is_null(value)) r(name, value, fmt::format("{}.{}", path(key.name), sanitized(name)));
  return true;
}

bool settings::each_object(const setting_key& key, std::string_view example,
                           const std::function<void(const std::string&, settings&)>& r) {
  if (describing()) {
    describe(key, "an object of objects");
    return describe_object(key, fmt::format(".{}", example),
                           [&](settings& s) { r(std::string(example), s); }),
           false;
  }
  return each(key, [&](const std::string& name, const setting& value, std::string path) {
    read(value, std::move(path), mistakes_, [&](settings& s) { r(name, s); });
  });
}

}  // namespace muxpro::proxy
