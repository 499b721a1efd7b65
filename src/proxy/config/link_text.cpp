#include "proxy/config/link_text.hpp"

#include "proxy/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string_view take_until(std::string_view& rest, char end) {
  const auto at = std::min(rest.find(end), rest.size());
  const std::string_view out = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return out;
}

bool read_place(std::string_view place, link_parts& to) {
  const auto colon = place.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = number<std::uint16_t>(place.substr(colon + 1, place.find('/', colon) - colon - 1));
  std::string_view host = place.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!port || *port == 0 || host.empty()) return false;
  to.host = percent_decoded(host);
  to.port = *port;
  return true;
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (text[i] == '%' && high >= 0 && low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string url_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::optional<std::string> any_base64_decoded(std::string_view text) {
  std::string out;
  unsigned bits = 0, held = 0;
  bool padded = false;
  for (char c : text) {
    if (c == '\r' || c == '\n' || c == ' ') continue;
    padded = padded || c == '=';
    if (c == '=') continue;
    c = c == '+' ? '-' : c == '/' ? '_' : c;
    const auto value = alphabet.find(c);
    if (padded || value == std::string_view::npos) return std::nullopt;
    held = held << 6 | static_cast<unsigned>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(held >> bits & 255);
  }
  return out;
}

std::string url_base64(std::string_view bytes) {
  std::string out;
  unsigned bits = 0, held = 0;
  for (const char c : bytes) {
    held = held << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) out += alphabet[held >> (bits - 6) & 63];
  }
  if (bits > 0) out += alphabet[held << (6 - bits) & 63];
  return out;
}

std::optional<link_parts> parse_link(std::string_view link) {
  link_parts out;
  const auto colon = link.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  out.scheme = lower_case(link.substr(0, colon));
  std::string_view rest = link.substr(colon + 3);
  std::string_view before = take_until(rest, '#');
  out.name = percent_decoded(rest);
  std::string_view place = take_until(before, '?');
  const auto at = place.rfind('@');
  if (at != std::string_view::npos) {
    out.user = percent_decoded(place.substr(0, at));
    place.remove_prefix(at + 1);
  }
  while (!before.empty()) {
    std::string_view pair = take_until(before, '&');
    const std::string_view key = take_until(pair, '=');
    out.query.try_emplace(std::string(key), percent_decoded(pair));
  }
  if (!read_place(place, out)) return std::nullopt;
  return out;
}

}  // namespace muxpro::proxy
