#include "proxy/routing/rule.hpp"

#include "proxy/base/text.hpp"
#include "proxy/routing/config_error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

// Adds each of `texts` by `add`, which returns its mistake or an empty text.
template <class Add>
void add_all(std::string_view field, const std::vector<std::string>& texts, Add add) {
  for (const std::string& t : texts) check(field, t, add(t));
}

std::optional<ip_rules> ips_of(std::string_view field, const std::vector<std::string>& texts,
                               geo_files& geo) {
  if (texts.empty()) return std::nullopt;
  ip_rules rules;
  add_all(field, texts, [&](const std::string& t) { return rules.add(t, geo); });
  rules.finish();
  return rules;
}

std::optional<port_set> ports_of(std::string_view field, const std::string& text) {
  if (text.empty()) return std::nullopt;
  auto ports = port_set::parse(text);
  if (!ports) check(field, text, port_set::allowed);
  return ports;
}

// An empty beginning or tag would match everything.
std::string refuse_empty(const std::string& text) { return text.empty() ? "it must not be empty" : ""; }

std::string expression_mistake(const pattern& p) {
  if (p.mistake().empty()) return {};
  return fmt::format("it must be a regular expression in RE2's syntax: {}", p.mistake());
}

/// Compares as Xray does, by the name alone, by the whole path, or by the directory.
bool is_program_at(std::string_view path, std::string_view wanted) {
  if (wanted.ends_with('/')) return path.starts_with(wanted);
  if (wanted.find('/') != std::string_view::npos) return path == wanted;
  return !path.empty() && path.substr(path.rfind('/') + 1) == wanted;
}

bool is_known(const asio::ip::address& a) { return a != asio::ip::address(); }

}  // namespace

std::string user_set::add(std::string_view text) {
  constexpr std::string_view prefix = "regexp:";
  if (text.empty()) return "it must be the name of a user, or regexp:EXPRESSION";
  if (!text.starts_with(prefix)) return names_.emplace(text), std::string();
  patterns_.emplace_back(text.substr(prefix.size()));
  return expression_mistake(patterns_.back());
}

bool user_set::contains(const std::string& user) const {
  if (user.empty()) return false;
  return names_.count(user) != 0 || std::any_of(patterns_.begin(), patterns_.end(),
                                                [&user](const pattern& p) { return p.found_in(user); });
}

rule::rule(const routing_rule& from, geo_files& geo)
    : ip_(ips_of("ip", from.ip, geo)),
      source_ip_(ips_of("source_ip", from.source_ip, geo)),
      local_ip_(ips_of("local_ip", from.local_ip, geo)),
      port_(ports_of("port", from.port)),
      source_port_(ports_of("source_port", from.source_port)),
      local_port_(ports_of("local_port", from.local_port)),
      vless_route_(ports_of("vless_route", from.vless_route)),
      programs_(from.process),
      inbound_tags_(from.inbound_tag.begin(), from.inbound_tag.end()),
      protocols_(from.protocol) {
  read_network(from.network);
  add_all("inbound_tag", from.inbound_tag, refuse_empty);
  add_all("protocol", from.protocol, refuse_empty);
  add_all("process", from.process, refuse_empty);
  read_attrs(from.attrs);
  if (from.user.empty()) return;
  user_set& users = users_.emplace();
  add_all("user", from.user, [&users](const std::string& t) { return users.add(t); });
}

void rule::read_network(const std::string& text) {
  if (text.empty()) return;
  const bool both = text == "tcp,udp" || text == "udp,tcp";
  tcp_ = both || text == "tcp";
  udp_ = both || text == "udp";
  if (!tcp_ && !udp_) check("network", text, "it must be tcp, udp or tcp,udp");
}

void rule::read_attrs(const std::map<std::string, std::string>& attrs) {
  for (const auto& [name, expression] : attrs) {
    attrs_.emplace_back(lower_case(name), pattern(expression));
    check(fmt::format("attrs['{}']", name), expression, expression_mistake(attrs_.back().second));
  }
}

bool rule::match_rest(const route_request& r) const {
  if (!(r.target.net == network::udp ? udp_ : tcp_)) return false;
  if (port_ && !port_->contains(r.target.port)) return false;
  if (source_port_ && !source_port_->contains(r.source_port)) return false;
  if (!inbound_tags_.empty() && inbound_tags_.count(r.inbound_tag) == 0) return false;
  if (users_ && !users_->contains(r.user)) return false;
  const auto begins = [&r](const std::string& p) {
    return r.protocol.empty() ? p == "unknown" : r.protocol.starts_with(p);
  };
  if (!protocols_.empty() && std::none_of(protocols_.begin(), protocols_.end(), begins)) return false;
  return match_clients(r) && match_attrs(r.attrs);
}

bool rule::match_clients(const route_request& r) const {
  if (source_ip_ && !(is_known(r.source) && source_ip_->match(r.source))) return false;
  if (local_ip_ && !(is_known(r.local) && local_ip_->match(r.local))) return false;
  if (local_port_ && !local_port_->contains(r.local_port)) return false;
  if (vless_route_ && !(r.vless_route && vless_route_->contains(*r.vless_route))) return false;
  const auto is_program = [&r](const std::string& p) { return is_program_at(r.process, p); };
  return programs_.empty() || std::any_of(programs_.begin(), programs_.end(), is_program);
}

bool rule::match_attrs(const attributes& attrs) const {
  return std::all_of(attrs_.begin(), attrs_.end(), [&attrs](const auto& wanted) {
    const auto found = attrs.find(wanted.first);
    return found != attrs.end() && wanted.second.found_in(found->second);
  });
}

bool rule::match_ip(std::span<const asio::ip::address> addresses) const {
  return std::any_of(addresses.begin(), addresses.end(), [this](const auto& a) { return ip_->match(a); });
}

}  // namespace muxpro::proxy
