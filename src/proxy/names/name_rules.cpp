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

}  // namespace

name_rules::name_rules(dns_options options, geo_files& geo) : options_(std::move(options)) {
  for (std::size_t i = 0; i < options_.hosts.size(); ++i) {
    const std::string& name = options_.hosts[i].name;
    must("hosts", name,
         add_domain_rule(hosts_, host_pattern(name), static_cast<domain_index::value>(i), geo));
  }
  for (std::size_t i = 0; i < options_.servers.size(); ++i) {
    const dns_server_options& s = options_.servers[i];
    for (const std::string& d : s.domains)
      must("servers", d, add_domain_rule(domains_, d, static_cast<domain_index::value>(i), geo));
    answers_.push_back({addresses_of(s.expected, geo), addresses_of(s.unexpected, geo)});
  }
  must("hosts", "", hosts_.finish());
  must("servers", "", domains_.finish());
}

const host_options* name_rules::host_of(std::string_view name) const {
  const auto found = hosts_.find(name);
  return found.empty() ? nullptr : &options_.hosts[found.front()];
}

std::vector<std::size_t> name_rules::servers_for(std::string_view name) const {
  const auto own = domains_.find(name);
  std::vector<std::size_t> out(own.begin(), own.end());
  if (!options_.fallback && !out.empty()) return out;
  for (std::size_t i = 0; i < options_.servers.size(); ++i)
    if (!options_.servers[i].skip_fallback && std::find(out.begin(), out.end(), i) == out.end())
      out.push_back(i);
  return out;
}

void name_rules::filter(std::size_t server, std::vector<asio::ip::address>& addresses) const {
  const answer_rules& rules = answers_[server];
  std::erase_if(addresses, [&](const asio::ip::address& a) {
    return (rules.expected && !rules.expected->match(a)) || (rules.unexpected && rules.unexpected->match(a));
  });
}

}  // namespace muxpro::proxy
