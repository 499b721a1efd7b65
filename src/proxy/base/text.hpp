// Functions for case, digits, tokens and lists of ASCII text (RFC 9110 section 5.6). Ring 4, a rule.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

inline char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
inline char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
inline bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }
/// Returns -1 if `c` is not a hexadecimal digit.
inline int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  return lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

/// Digits alone, no sign.
template <class Number>
std::optional<Number> number(std::string_view digits) {
  Number n = 0;
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc()) return std::nullopt;
  return n;
}

template <class Change>
std::string changed(std::string_view text, Change change) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), change);
  return out;
}

inline std::string lower_case(std::string_view text) { return changed(text, lower); }

/// Whether they are equal but for the case. `name` is in lower case.
inline bool is_name(std::string_view text, std::string_view name) noexcept {
  return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                    [](char a, char b) { return lower(a) == b; });
}

inline bool is_token_char(char c) noexcept {
  return is_digit(c) || is_letter(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
inline bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

/// Returns whether a line may hold the character. The tab is the only control character allowed.
inline bool is_line_char(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return c == '\t' || (u >= 0x20 && u != 0x7f);
}

inline std::string_view trimmed(std::string_view value) noexcept {
  const auto from = value.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return value.substr(from, value.find_last_not_of(" \t") - from + 1);
}

/// Calls `found` for the elements of a comma-separated list that are not empty, until it returns true.
/// Returns whether it did.
template <class Found>
bool any_element(std::string_view list, Found found) {
  for (;;) {
    const std::string_view element = trimmed(list.substr(0, list.find(',')));
    if (!element.empty() && found(element)) return true;
    if (list.find(',') == std::string_view::npos) return false;
    list.remove_prefix(list.find(',') + 1);
  }
}

}  // namespace muxpro::proxy
