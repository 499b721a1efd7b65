#include "proxy/config/go_duration.hpp"

#include "proxy/base/text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace muxpro::proxy {

namespace {

using exact_time = std::chrono::duration<double>;

struct time_unit {
  std::string_view name;
  exact_time length;
};
constexpr time_unit time_units[] = {
    {"ns", std::chrono::nanoseconds(1)},  {"us", std::chrono::microseconds(1)},
    {"ms", std::chrono::milliseconds(1)}, {"s", std::chrono::seconds(1)},
    {"m", std::chrono::minutes(1)},       {"h", std::chrono::hours(1)}};
constexpr exact_time longest_time = std::chrono::hours(365 * 24);

/// "12" or "12.5".
std::optional<double> take_number(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789."));
  text.remove_prefix(digits.size());
  const auto dot = digits.find('.');
  const auto whole = number<std::uint64_t>(digits.substr(0, dot));
  if (!whole || dot == std::string_view::npos) {
    if (!whole) return std::nullopt;
    return static_cast<double>(*whole);
  }
  double out = static_cast<double>(*whole), place = 1;
  for (const char c : digits.substr(dot + 1)) {
    if (!is_digit(c)) return std::nullopt;
    out += (c - '0') * (place /= 10);
  }
  return out;
}

std::optional<exact_time> take_unit(std::string_view& text) {
  const std::string_view name = text.substr(0, text.find_first_of("0123456789."));
  text.remove_prefix(name.size());
  for (const time_unit& u : time_units)
    if (u.name == name) return u.length;
  return std::nullopt;
}

}  // namespace

std::optional<duration> parse_go_duration(std::string_view text) {
  if (text == "0") return duration(0);
  exact_time all(0);
  do {
    const auto n = take_number(text);
    const auto unit = take_unit(text);
    if (!n || !unit) return std::nullopt;
    all += *n * *unit;
  } while (!text.empty());
  if (all > longest_time) return std::nullopt;
  return std::chrono::duration_cast<duration>(all);
}

std::string go_duration_text(duration d) {
  std::string out;
  for (const auto& [name, length] :
       {std::pair("h", std::chrono::milliseconds(3'600'000)),
        std::pair("m", std::chrono::milliseconds(60'000)), std::pair("s", std::chrono::milliseconds(1'000)),
        std::pair("ms", std::chrono::milliseconds(1))}) {
    const auto n = d / length;
    if (n > 0) out += fmt::format("{}{}", n, name);
    d -= n * length;
  }
  return out.empty() ? "0s" : out;
}

void read_duration(settings& s, const setting_key& key, duration& to, duration_bounds bounds) {
  const auto range = [&] {
    return fmt::format("from {} to {}", go_duration_text(bounds.least), go_duration_text(bounds.most));
  };
  std::string text;
  if (s.describing()) text = go_duration_text(to);
  if (!s.text(key, text)) return;
  const auto d = parse_go_duration(text);
  if (d && *d >= bounds.least && *d <= bounds.most)
    to = *d;
  else
    s.wrong(key.name,
            fmt::format("is '{}'; it must be a time such as 10s or 1m30s, {}", sanitized(text), range()));
}

}  // namespace muxpro::proxy
