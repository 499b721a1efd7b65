#include <muxpro/proxy/dial_policy.hpp>
#include <muxpro/proxy/settings.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace muxpro::proxy {

namespace {

std::string described(const setting& v) {
  if (std::holds_alternative<std::nullptr_t>(v.is)) return "null";
  if (const auto* b = std::get_if<bool>(&v.is)) return *b ? "true" : "false";
  if (const auto* n = std::get_if<double>(&v.is)) return fmt::format("{}", *n);
  if (const auto* t = std::get_if<std::string>(&v.is)) return fmt::format("'{}'", shown(*t));
  return std::holds_alternative<setting::list>(v.is) ? "a list" : "an object";
}

std::optional<double> number_of(const setting& v) {
  if (const auto* n = std::get_if<double>(&v.is)) return *n;
  const auto* t = std::get_if<std::string>(&v.is);
  if (!t || t->empty() || t->size() > 15) return std::nullopt;
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(t->data(), t->data() + t->size(), n);
  if (ec != std::errc() || end != t->data() + t->size()) return std::nullopt;
  return static_cast<double>(n);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Insertions, deletions, replacements and swaps of neighbours from a to b.
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> all((a.size() + 1) * width);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return all[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        at(i, j) = i + j;
        continue;
      }
      const bool differ = a[i - 1] != b[j - 1];
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + differ});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
    }
  }
  return all.back();
}

}  // namespace

void config_mistakes::add(std::string path, std::string sentence) {
  if (++count_ <= most) all_.push_back({std::move(path), std::move(sentence)});
}

std::string shown(std::string_view text, std::size_t longest) {
  std::string out;
  for (const char c : text.substr(0, longest)) {
    const bool control = (c >= 0 && c < ' ') || c == '\x7f';
    out += control ? '?' : c;
  }
  // A character of several bytes is not cut in the middle.
  if (text.size() > longest) {
    while (!out.empty() && (out.back() & 0xc0) == 0x80) out.pop_back();
    if (!out.empty() && (out.back() & 0x80) != 0) out.pop_back();
    out += "...";
  }
  return out;
}

std::string_view alike(std::string_view text, const std::vector<std::string_view>& known) {
  constexpr std::size_t longest = 64;
  if (text.size() > longest) return {};
  const std::string wanted = normalized(text);
  std::size_t least = std::max<std::size_t>(1, text.size() / 3) + 1;
  std::string_view best;
  for (const std::string_view k : known) {
    if (k.size() > longest) continue;
    const std::size_t d = distance(wanted, normalized(k));
    if (d < least) least = d, best = k;
  }
  return best;
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

std::string settings::path(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const setting* settings::find(std::string_view key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &found->second;
}

bool settings::has(std::string_view key) { return find(key) != nullptr; }

void settings::wrong(std::string_view key, std::string sentence) {
  mistakes_.add(path(key), std::move(sentence));
}

void settings::expected(std::string_view key, const setting& found, std::string_view what) {
  wrong(key, fmt::format("is {}; it must be {}", described(found), what));
}

void settings::not_one_of(std::string_view key, std::string_view name,
                          const std::vector<std::string_view>& allowed) {
  if (mistakes_.full()) return mistakes_.add({}, {});  // as in report_unknown()
  const std::string_view meant = alike(name, allowed);
  const std::string hint = meant.empty() ? std::string() : fmt::format("; did you mean '{}'?", meant);
  if (allowed.empty())
    wrong(key, fmt::format("is '{}', and there is nothing that it could be", shown(name)));
  else
    wrong(key, fmt::format("is '{}'; it must be {}{}{}", shown(name), allowed.size() > 1 ? "one of " : "",
                           fmt::join(allowed, ", "), hint));
}

void settings::refuse(std::string_view key, std::string sentence) {
  if (object_.find(key) != object_.end() && find(key)) wrong(key, std::move(sentence));
}

bool settings::needs(std::string_view key, std::string_view what) {
  if (find(key)) return true;
  wrong(key, fmt::format("is missing; it must be {}", what));
  return false;
}

bool settings::text(std::string_view key, std::string& out) {
  const setting* const v = find(key);
  if (!v) return false;
  const auto* t = std::get_if<std::string>(&v->is);
  if (!t) return expected(key, *v, "a text"), false;
  out = *t;
  return true;
}

bool settings::secret(std::string_view key, std::string& out) {
  const setting* const v = find(key);
  if (!v) return false;
  const auto* t = std::get_if<std::string>(&v->is);
  if (!t) return wrong(key, "must be a text"), false;
  out = *t;
  return true;
}

bool settings::flag(std::string_view key, bool& out) {
  const setting* const v = find(key);
  if (!v) return false;
  const auto* b = std::get_if<bool>(&v->is);
  if (!b) return expected(key, *v, "true or false"), false;
  out = *b;
  return true;
}

bool settings::whole(std::string_view key, std::int64_t& out, std::int64_t least, std::int64_t most) {
  const setting* const v = find(key);
  if (!v) return false;
  const auto n = number_of(*v);
  const bool fits =
      n && *n == std::floor(*n) && *n >= static_cast<double>(least) && *n <= static_cast<double>(most);
  if (!fits) return expected(key, *v, fmt::format("a whole number from {} to {}", least, most)), false;
  out = static_cast<std::int64_t>(*n);
  return true;
}

bool settings::time(std::string_view key, duration& out, duration unit, double least, double most) {
  const setting* const v = find(key);
  if (!v) return false;
  const auto n = number_of(*v);
  if (!n || !(*n >= least && *n <= most)) {
    const bool seconds = unit == std::chrono::seconds(1);
    expected(key, *v,
             fmt::format("a number of {} from {} to {}", seconds ? "seconds" : "milliseconds", least, most));
    return false;
  }
  out = std::chrono::duration_cast<duration>(unit * *n);
  return true;
}

bool settings::texts(std::string_view key, std::vector<std::string>& out) {
  const setting* const v = find(key);
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
  if (!l) return expected(key, *v, "a text or a list of texts"), false;
  out.clear();
  bool good = true;
  for (std::size_t i = 0; i < l->size(); ++i) {
    const auto* t = std::get_if<std::string>(&(*l)[i].is);
    if (t)
      out.push_back(*t);
    else
      expected(fmt::format("{}[{}]", key, i), (*l)[i], "a text");
    good &= t != nullptr;
  }
  return good;
}

bool settings::text_or_number(std::string_view key, std::string& out) {
  const setting* const v = find(key);
  if (!v) return false;
  if (const auto* n = std::get_if<double>(&v->is)) return out = fmt::format("{}", *n), true;
  const auto* t = std::get_if<std::string>(&v->is);
  if (!t) return expected(key, *v, "a number or a text"), false;
  out = *t;
  return true;
}

bool settings::object(std::string_view key, const reader& r) {
  const setting* const v = find(key);
  return v && read(*v, path(key), mistakes_, r);
}

bool settings::objects(std::string_view key, const std::function<void(settings&, std::size_t)>& r,
                       std::size_t most) {
  const setting* const v = find(key);
  if (!v) return false;
  const auto* l = std::get_if<setting::list>(&v->is);
  if (!l) return expected(key, *v, "a list of objects"), false;
  if (l->size() > most) {
    wrong(key, fmt::format("has {} objects; it may have at most {}", l->size(), most));
    return false;
  }
  for (std::size_t i = 0; i < l->size(); ++i)
    read((*l)[i], fmt::format("{}[{}]", path(key), i), mistakes_, [&](settings& s) { r(s, i); });
  return true;
}

bool settings::each(std::string_view key, const named_reader& r) {
  const setting* const v = find(key);
  if (!v) return false;
  const auto* o = std::get_if<setting::object>(&v->is);
  if (!o) return expected(key, *v, "an object"), false;
  for (const auto& [name, value] : *o) r(name, value, fmt::format("{}.{}", path(key), shown(name)));
  return true;
}

void settings::report_unknown() {
  const std::vector<std::string_view> known(asked_.begin(), asked_.end());
  for (const auto& [key, value] : object_) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (mistakes_.full()) {  // to look for what was meant takes its time, and nobody would read it
      mistakes_.add({}, {});
      continue;
    }
    const std::string_view meant = alike(key, known);
    const std::string hint = meant.empty() ? fmt::format("there may be {}", fmt::join(known, ", "))
                                           : fmt::format("did you mean '{}'?", meant);
    wrong(shown(key), fmt::format("there is no such key; {}", hint));
  }
}

}  // namespace muxpro::proxy
