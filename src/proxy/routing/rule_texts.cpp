#include "proxy/routing/rule_texts.hpp"

#include "proxy/base/pattern.hpp"
#include "proxy/base/text.hpp"
#include "proxy/policy/dial_policy.hpp"
#include "proxy/routing/geo_data.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr const char* allowed_domains =
    "it must be full:NAME, domain:NAME, keyword:TEXT, regexp:EXPRESSION, dotless:TEXT, "
    "geosite:LIST[@ATTRIBUTE], "
    "ext:FILE:LIST or TEXT";
constexpr const char* allowed_ips =
    "it must be an address, a block such as 10.0.0.0/8, geoip:LIST or ext:FILE:LIST, or one of them behind "
    "'!'";

// geoip:private of V2Ray's list (v2fly/geoip).
constexpr std::string_view private_blocks[] = {"0.0.0.0/8",          "10.0.0.0/8",     "100.64.0.0/10",
                                               "127.0.0.0/8",        "169.254.0.0/16", "172.16.0.0/12",
                                               "192.0.0.0/24",       "192.0.2.0/24",   "192.88.99.0/24",
                                               "192.168.0.0/16",     "198.18.0.0/15",  "198.51.100.0/24",
                                               "203.0.113.0/24",     "224.0.0.0/4",    "240.0.0.0/4",
                                               "255.255.255.255/32", "::/128",         "::1/128",
                                               "fc00::/7",           "fe80::/10",      "ff00::/8"};

// Takes `prefix` off the front, if it is there.
bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool negations(std::string_view& text) {
  bool negated = false;
  while (take_prefix(text, "!")) negated = !negated;
  return negated;
}

struct list_name {
  std::string_view file, list;
};

// "FILE:LIST"
std::optional<list_name> split_list(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return std::nullopt;
  return list_name{text.substr(0, colon), text.substr(colon + 1)};
}

std::string no_file(std::string_view name, const geo_files& geo) {
  const std::string where = geo.directories().empty() ? "" : " in " + geo.directories();
  return fmt::format("and there is no file {}{}", name, where);
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    parts.push_back(text.substr(0, text.find(at)));
    if (parts.back().size() == text.size()) return parts;
    text.remove_prefix(parts.back().size() + 1);
  }
}

std::string add_list(domain_index& to, list_name name, domain_index::value v, geo_files& geo) {
  const auto file = geo.find(name.file);
  if (!file) return no_file(name.file, geo);
  std::vector<std::string_view> attributes = split(name.list, '@');
  const std::string_view list = attributes.front();
  attributes.erase(attributes.begin());
  const auto found = read_geosite(*file, list, attributes);
  if (!found.mistake.empty()) return fmt::format("and {} {}", name.file, found.mistake);
  for (const geo_domain& d : found.entries) {
    const std::string mistake = to.add(d.kind, d.text, v);
    // A text that no name can hold may be left out. An expression might have matched, so the list would be
    // incomplete without it.
    if (!mistake.empty() && d.kind == domain_kind::regexp)
      return fmt::format("and {} has '{}', {}", name.file, d.text, mistake);
  }
  return {};
}

std::string add_dotless(domain_index& to, std::string_view text, domain_index::value v) {
  if (text.find('.') != std::string_view::npos) return "it must be dotless:TEXT, without a dot";
  return to.add(domain_kind::regexp, fmt::format("^[^.]*{}[^.]*$", pattern_of(text)), v);
}

}  // namespace

std::string add_domain_rule(domain_index& to, std::string_view text, domain_index::value v, geo_files& geo) {
  constexpr std::pair<std::string_view, domain_kind> prefixes[] = {{"full:", domain_kind::full},
                                                                   {"domain:", domain_kind::domain},
                                                                   {"keyword:", domain_kind::keyword},
                                                                   {"regexp:", domain_kind::regexp}};
  for (const auto& [prefix, kind] : prefixes)
    if (take_prefix(text, prefix)) return to.add(kind, text, v);
  if (take_prefix(text, "dotless:")) return add_dotless(to, text, v);
  if (take_prefix(text, "geosite:"))
    return text.empty() ? allowed_domains : add_list(to, {"geosite.dat", text}, v, geo);
  if (take_prefix(text, "ext:") || take_prefix(text, "ext-domain:")) {
    const auto name = split_list(text);
    return name ? add_list(to, *name, v, geo) : allowed_domains;
  }
  if (text.find(':') != std::string_view::npos) return allowed_domains;
  return to.add(domain_kind::keyword, text, v);
}

std::string ip_rules::add(std::string_view text, geo_files& geo) {
  const bool negated = negations(text);
  if (take_prefix(text, "geoip:")) {
    if (lower_case(text) == "private" || lower_case(text) == "!private")
      return add_private(negated != (text.front() == '!')), std::string();
    const std::string name = fmt::format("geoip.dat:{}", text);
    return text.empty() ? allowed_ips : add_list(name, negated, geo);
  }
  if (take_prefix(text, "ext:") || take_prefix(text, "ext-ip:")) return add_list(text, negated, geo);
  const auto block = ip_prefix::parse(text);
  if (!block) return allowed_ips;
  (negated ? negated_blocks_ : blocks_).push_back(*block);
  any_negated_ |= negated;
  return {};
}

// It is in every geoip.dat, and the same in each. Its blocks belong to no machine of the internet.
void ip_rules::add_private(bool negated) {
  auto& to = negated ? negated_blocks_ : blocks_;
  for (const std::string_view block : private_blocks) to.push_back(ip_prefix::parse(block).value());
  any_negated_ |= negated;
}

std::string ip_rules::add_list(std::string_view file_and_list, bool negated, geo_files& geo) {
  auto name = split_list(file_and_list);
  if (!name) return allowed_ips;
  negated ^= negations(name->list);
  const auto file = geo.find(name->file);
  if (!file) return no_file(name->file, geo);
  const auto found = read_geoip(*file, name->list);
  if (!found.mistake.empty()) return fmt::format("and {} {}", name->file, found.mistake);
  negated ^= found.reversed;
  auto& to = negated ? negated_blocks_ : blocks_;
  to.insert(to.end(), found.entries.begin(), found.entries.end());
  any_negated_ |= negated;
  return {};
}

void ip_rules::finish() {
  in_ = ip_set(std::exchange(blocks_, {}));
  out_ = ip_set(std::exchange(negated_blocks_, {}));
}

bool ip_rules::match(const asio::ip::address& a) const {
  const asio::ip::address inner = unmapped(a);
  const auto in = [&](const ip_set& s) { return s.contains(a) || s.contains(inner); };
  return in(in_) || (any_negated_ && !in(out_));
}

}  // namespace muxpro::proxy
