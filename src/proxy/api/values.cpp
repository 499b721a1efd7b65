#include "proxy/api/values.hpp"

#include "proxy/api/message.hpp"
#include "proxy/base/proto_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

void require_value(bool good, std::string_view what) {
  if (!good) throw api_refusal(api_code::invalid_argument, fmt::format("the message has {}", what));
}

template <class Show>
std::string each_byte(const_bytes all, std::string_view between, Show show) {
  std::string out;
  for (const std::byte b : all) {
    if (!out.empty()) out += between;
    out += show(std::to_integer<unsigned>(b));
  }
  return out;
}

template <class Octets>
Octets octets_to(const_bytes from) {
  Octets out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::to_integer<std::uint8_t>(from[i]);
  return out;
}

std::string block_in(const_bytes message) {
  const_bytes octets;
  std::uint64_t prefix = 0;
  proto_reader in(message);
  while (in.next()) {
    if (in.number() == 1) octets = in.bytes();
    if (in.number() == 2) prefix = in.value();
  }
  require_value(in.good(), "an invalid block of addresses");
  return fmt::format("{}/{}", address_in(octets).to_string(), prefix);
}

/// Fields 1 and 2.
std::pair<std::uint64_t, std::uint64_t> two_numbers_in(const_bytes message) {
  std::array<std::uint64_t, 3> range{};
  proto_reader in(message);
  while (in.next())
    if (in.number() < range.size()) range[in.number()] = in.value();
  require_value(in.good(), "an invalid range");
  return {range[1], range[2]};
}

std::string port_range_in(const_bytes message) {
  const auto [from, to] = two_numbers_in(message);
  return from == to ? fmt::format("{}", from) : fmt::format("{}-{}", from, to);
}

// Xray has had two forms of rules. A message begins with the tag of a field, a text does not.
bool is_message(const_bytes value) {
  constexpr unsigned first_letter = ' ';
  return !value.empty() && std::to_integer<unsigned>(value.front()) < first_letter;
}

struct list_rule {
  std::string file, code, attributes;
  bool others = false;
};

/// GeoSiteRule, GeoIPRule
list_rule list_rule_in(const_bytes message, std::uint64_t field_of_others) {
  list_rule out;
  proto_reader in(message);
  while (in.next()) {
    if (in.number() == 1) out.file = as_text(in.bytes());
    if (in.number() == 2) out.code = as_text(in.bytes());
    if (in.number() == field_of_others)
      out.others = in.value() != 0;
    else if (in.number() == 3)
      out.attributes = as_text(in.bytes());
  }
  require_value(in.good(), "an invalid rule about a list");
  std::replace(out.attributes.begin(), out.attributes.end(), ',', '@');
  return out;
}

/// "geosite:CODE", "ext:FILE:CODE"
std::string text_of(const list_rule& l, std::string_view usual_file, std::string_view usual_prefix) {
  const std::string attributes =
      l.attributes.empty() || l.attributes.starts_with('@') ? l.attributes : "@" + l.attributes;
  const bool usual = l.file.empty() || l.file == usual_file;
  const std::string where = usual ? std::string(usual_prefix) : fmt::format("ext:{}:", l.file);
  return fmt::format("{}{}{}{}", l.others ? "!" : "", where, l.code, attributes);
}

/// "full:NAME"
std::string domain_in(const_bytes message) {
  constexpr std::array<std::string_view, 4> kinds{"keyword:", "regexp:", "domain:", "full:"};
  std::uint64_t kind = 0;
  const_bytes value;
  proto_reader in(message);
  while (in.next()) {
    if (in.number() == 1) kind = in.value();
    if (in.number() == 2) value = in.bytes();
  }
  require_value(in.good() && kind < kinds.size() && !is_message(value), "an invalid rule about names");
  return std::string(kinds[kind]).append(as_text(value));
}

}  // namespace

std::string base64_for_urls(const_bytes all) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const std::byte b : all) {
    held = held << 8 | std::to_integer<std::uint32_t>(b);
    for (bits += 8; bits >= 6; bits -= 6) out += alphabet[held >> (bits - 6) & 63];
  }
  if (bits > 0) out += alphabet[held << (6 - bits) & 63];
  return out;
}

std::string hex_text(const_bytes all) {
  return each_byte(all, "", [](unsigned b) { return fmt::format("{:02x}", b); });
}

std::string version_text(const_bytes all) {
  return each_byte(all, ".", [](unsigned b) { return fmt::format("{}", b); });
}

asio::ip::address address_in(const_bytes octets) {
  using namespace asio::ip;
  require_value(octets.size() == 4 || octets.size() == 16, "an invalid address");
  if (octets.size() == 4) return address_v4(octets_to<address_v4::bytes_type>(octets));
  return address_v6(octets_to<address_v6::bytes_type>(octets));
}

std::string host_in(const_bytes message) {
  std::string out;
  proto_reader in(message);
  while (in.next()) {
    if (in.number() == 2) out = as_text(in.bytes());
    if (in.number() == 1) out = address_in(in.bytes()).to_string();
  }
  require_value(in.good(), "an invalid address");
  return out;
}

std::string ports_in(const_bytes message) {
  std::string out;
  proto_reader in(message);
  while (in.next()) {
    if (in.number() != 1) continue;
    if (!out.empty()) out += ',';
    out += port_range_in(in.bytes());
  }
  require_value(in.good(), "an invalid list of ports");
  return out;
}

std::string number_range_in(const_bytes message) {
  const auto [from, to] = two_numbers_in(message);
  return fmt::format("{}-{}", from, to);
}

setting::list blocks_in(const_bytes message) {
  setting::list out;
  bool others = false;
  proto_reader in(message);
  while (in.next()) {
    if (in.number() == 3) others = in.value() != 0;
    if (in.number() == 1 && is_message(in.bytes()))
      out.emplace_back(text_of(list_rule_in(in.bytes(), 3), "geoip.dat", "geoip:"));
    if (in.number() != 2) continue;
    require_value(out.size() < most_api_values, "too many addresses");
    out.emplace_back(block_in(in.bytes()));
  }
  require_value(in.good(), "an invalid list of addresses");
  if (others)
    for (setting& s : out) std::get<std::string>(s.is).insert(0, "!");
  return out;
}

std::string name_rule_in(const_bytes message) {
  proto_reader in(message);
  while (in.next()) {
    if (!is_message(in.bytes())) continue;
    return in.number() == 1 ? text_of(list_rule_in(in.bytes(), 0), "geosite.dat", "geosite:")
                            : domain_in(in.bytes());
  }
  require_value(in.good(), "an invalid rule about names");
  return domain_in(message);
}

}  // namespace muxpro::proxy
