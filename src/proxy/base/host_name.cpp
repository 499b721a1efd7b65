#include "proxy/base/host_name.hpp"

#include "proxy/base/text.hpp"

#include <muxpro/destination.hpp>

#include <algorithm>

namespace muxpro::proxy {

namespace {

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

bool is_number(std::string_view label) {
  if (std::all_of(label.begin(), label.end(), is_digit)) return true;
  return label.starts_with("0x") && std::all_of(label.begin() + 2, label.end(), is_hex);
}

bool is_label(std::string_view label) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_'; };
  return !label.empty() && label.size() <= max_label && std::all_of(label.begin(), label.end(), allowed);
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > max_host_name || is_number(text.substr(text.rfind('.') + 1)))
    return false;
  while (true) {
    const auto dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<std::string> canonical_host(std::string_view text) {
  if (text.size() > max_host_name + 1) return std::nullopt;
  if (const address literal(text); !literal.is_domain()) return literal.to_string();
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string name = lower_case(text);
  if (!is_name(name)) return std::nullopt;
  return name;
}

}  // namespace muxpro::proxy
