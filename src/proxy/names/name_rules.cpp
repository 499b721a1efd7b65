#include "proxy/names/name_rules.hpp"

#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

void must(const std::string& key, const std::string& text, const std::string& mistake) {
  if (!mistake.empty()) throw std::invalid_argument(fmt::format("{} is '{}', {}", key, text, mistake));
}

// In "hosts" a text without a prefix is a whole name, elsewhere it is a part of names.
std::string host_pattern(const std::string& name) {
  return name.find(':') == std::string::npos ? "full:" + normalized(name) : name;
}

std::optional<ip_rules> addresses_of(const std::vector<std::string>& texts, geo_files& geo) {
  if (texts.empty()) return std::nullopt;
  ip_rules out;
  for (const std::string& t : texts) must("servers", t, out.add(t, geo));
  out.finish();
  return out;
}

// As in Xray, names that no other server can resolve.
constexpr const char* names_of_the_system[] = {"regexp:^[^.]+$",   "domain:local",   "domain:localdomain",
                                               "domain:localhost", "domain:lan",     "domain:home.arpa",
                                               "domain:example",   "domain:invalid", "domain:test"};

bool asks_system(const dns_server_options& s) { return s.transport == dns_transport::system; }

}  // namespace

name_rules::name_rules(dns_options options, geo_files& geo) : options_(std::move(options)) {
  for (std::size_t i = 0; i < options_.hosts.size(); ++i) {
    const std::string& name = options_.hosts[i].name;
    must("hosts", name,
         add_domain_rule(hosts_, host_pattern(name), static_cast<domain_index::value>(i), geo));
  }
  for (std::size_t i = 0; i < options_.servers.size(); ++i) add_server(i, geo);
  must("hosts", "", hosts_.finish());
  must("servers", "", domains_.finish());
}

void name_rules::add_server(std::size_t n, geo_files& geo) {
  const dns_server_options& s = options_.servers[n];
  const auto v = static_cast<domain_index::value>(n);
  if (asks_system(s))
    for (const char* own : names_of_the_system) must("servers", own, add_domain_rule(domains_, own, v, geo));
  for (const std::string& d : s.domains) must("servers", d, add_domain_rule(domains_, d, v, geo));
  answers_.push_back({addresses_of(s.expected, geo), addresses_of(s.unexpected, geo)});
  if (s.at.host.is_domain()) own_names_.insert(normalized(s.at.host.domain()));
}

std::optional<host_options> name_rules::host_of(std::string_view name) const {
  std::optional<host_options> out;
  for (const auto n : hosts_.find(name)) {
    const host_options& one = options_.hosts[n];
    if (one.rcode) return one;
    if (!out) out.emplace();
    out->name = one.name;
    if (out->alias.empty()) out->alias = one.alias;
    out->addresses.insert(out->addresses.end(), one.addresses.begin(), one.addresses.end());
  }
  if (out && !out->addresses.empty()) out->alias.clear();
  return out;
}

std::vector<std::size_t> name_rules::servers_for(std::string_view name) const {
  if (!has_servers() || own_names_.contains(name)) return {system_server};
  const auto own = domains_.find(name);
  std::vector<std::size_t> out;
  const auto add = [&](std::size_t n) {
    if (std::find(out.begin(), out.end(), n) == out.end()) out.push_back(n);
    return options_.servers[n].final_query;
  };
  for (const auto n : own)
    if (add(n)) return out;
  using use = dns_options::fallback_use;
  const bool others =
      options_.fallback == use::always || (options_.fallback == use::without_match && out.empty());
  for (std::size_t i = 0; others && i < options_.servers.size(); ++i)
    if (!options_.servers[i].skip_fallback && add(i)) return out;
  if (out.empty()) out.push_back(0);  // as Xray
  return out;
}

const dns_server_options& name_rules::server(std::size_t n) const {
  static const dns_server_options of_system;
  return n == system_server ? of_system : options_.servers[n];
}

void name_rules::filter(std::size_t server, std::vector<asio::ip::address>& addresses) const {
  if (server == system_server) return;
  const answer_rules& rules = answers_[server];
  const dns_server_options& s = options_.servers[server];
  const auto keep = [&](const std::optional<ip_rules>& by, bool matching, bool only_if_some) {
    if (!by) return;
    auto kept = addresses;
    std::erase_if(kept, [&](const asio::ip::address& a) { return by->match(a) != matching; });
    if (!kept.empty() || !only_if_some) addresses = std::move(kept);
  };
  if (!s.prefers_expected) keep(rules.expected, true, false);
  if (!s.avoids_unexpected) keep(rules.unexpected, false, false);
  if (s.prefers_expected) keep(rules.expected, true, true);
  if (s.avoids_unexpected) keep(rules.unexpected, false, true);
}

bool name_rules::are_alike(std::size_t a, std::size_t b) const {
  dns_server_options other = server(b);
  const dns_server_options& one = server(a);
  other.transport = one.transport;
  other.at = one.at;
  other.local = one.local;
  other.tls = one.tls;
  other.path = one.path;
  other.timeout = one.timeout;
  other.cache = one.cache;
  other.stale = one.stale;
  other.final_query = one.final_query;
  return other == one;
}

name_rules::fakes_use name_rules::fakes_for(std::string_view name) const {
  const auto all = servers_for(name);
  const auto found = std::find_if(
      all.begin(), all.end(), [this](std::size_t n) { return server(n).transport == dns_transport::fakes; });
  if (found == all.end()) return fakes_use::none;
  return found == all.begin() ? fakes_use::first : fakes_use::last;
}

bool name_rules::reads_system_hosts(std::string_view name) const {
  return options_.system_hosts || asks_system(server(servers_for(name).front()));
}

}  // namespace muxpro::proxy
