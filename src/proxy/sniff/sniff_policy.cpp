#include "proxy/sniff/sniff_policy.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/base/port_set.hpp"
#include "proxy/routing/rule_texts.hpp"

#include <muxpro/option_range.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

using std::string_view;

constexpr std::array<string_view, 7> overridable{"http", "tls",     "https",         "ssl",
                                                 "quic", "fakedns", "fakedns+others"};

// By the name that its sniffer gives it.
string_view canonical_protocol(string_view listed) {
  if (listed == "https" || listed == "ssl") return "tls";
  return listed.starts_with("fakedns") ? "fakedns" : listed;
}

// As Xray compares them: "http" stands for "http1", and the other way round.
bool same_protocol(string_view a, string_view b) { return a.starts_with(b) || b.starts_with(a); }

std::string mistake_in(string_view option, std::size_t i, string_view text, string_view mistake) {
  return fmt::format("{}[{}] is '{}', {}", option, i, text, mistake);
}

}  // namespace

struct sniff_policy::conditions {
  // Throws what is wrong with the options.
  conditions(const sniffing_options& o, geo_files& geo) {
    if (const std::string mistake = build(o, geo); !mistake.empty()) throw std::invalid_argument(mistake);
  }

  std::string build(const sniffing_options& o, geo_files& geo) {
    for (std::size_t i = 0; i < o.domains_excluded.size(); ++i)
      if (const auto m = add_domain_rule(domains, o.domains_excluded[i], 0, geo); !m.empty())
        return mistake_in("domains_excluded", i, o.domains_excluded[i], m);
    for (std::size_t i = 0; i < o.ips_excluded.size(); ++i)
      if (const auto m = ips.add(o.ips_excluded[i], geo); !m.empty())
        return mistake_in("ips_excluded", i, o.ips_excluded[i], m);
    if (!o.ports_excluded.empty()) ports = port_set::parse(o.ports_excluded);
    ips.finish();
    const std::string m = domains.finish();
    return m.empty() ? m : "domains_excluded: " + m;
  }

  domain_index domains;
  ip_rules ips;
  std::optional<port_set> ports;
};

std::string sniffing_options::validate() const {
  for (std::size_t i = 0; i < dest_override.size(); ++i)
    if (std::find(overridable.begin(), overridable.end(), dest_override[i]) == overridable.end())
      return mistake_in("dest_override", i, dest_override[i],
                        fmt::format("it must be one of {}", fmt::join(overridable, ", ")));
  if (!ports_excluded.empty() && !port_set::parse(ports_excluded))
    return fmt::format("ports_excluded is '{}', {}", ports_excluded, port_set::allowed);
  return out_of_range<double>({{"timeout (s)", seconds_of(timeout), 0.001, 10}});
}

sniff_policy::sniff_policy(const sniffing_options& options, geo_files& geo)
    : options_(options),
      conditions_(std::make_unique<conditions>(options, geo)),
      overrides_by_content_(std::any_of(options.dest_override.begin(), options.dest_override.end(),
                                        [](const std::string& listed) { return listed != "fakedns"; })) {
  if (const std::string mistake = options_.validate(); !mistake.empty()) throw std::invalid_argument(mistake);
}

sniff_policy::~sniff_policy() = default;

bool sniff_policy::reads_content(const destination& d, bool for_rules) const {
  if (!options_.enabled || options_.metadata_only || !(overrides_by_content_ || for_rules)) return false;
  return !conditions_->ports || !conditions_->ports->contains(d.port);
}

bool sniff_policy::excludes(const destination& d, const std::string& domain) const {
  if (!conditions_->domains.find(domain).empty()) return true;
  return !d.host.is_domain() && conditions_->ips.match(to_asio(d.host.octets()));
}

bool sniff_policy::overrides(const destination& d, const std::string& domain, const std::string& protocol,
                             bool fake) const {
  if (domain.empty() || (!fake && excludes(d, domain))) return false;
  return std::any_of(
      options_.dest_override.begin(), options_.dest_override.end(), [&](const std::string& text) {
        const string_view listed = canonical_protocol(text);
        // FakeDNS has forgotten the name, but the content still has it.
        return same_protocol(protocol, listed) || (listed == "fakedns" && fake && protocol != "bittorrent");
      });
}

sniff_decision sniff_policy::decide(const destination& d, const fake_dns::clue& fake,
                                    const sniff_result& content) const {
  sniff_decision decision;
  if (!options_.enabled) return decision;
  const bool found = content.status == sniff_status::found;
  const bool named = !fake.domain.empty();
  if (found || named) decision.protocol = found ? content.protocol : "fakedns";
  const std::string& domain = named ? fake.domain : content.domain;
  if (!overrides(d, domain, named ? "fakedns" : decision.protocol, fake.in_pool)) return decision;
  const destination replaced(d.net, domain, d.port);
  (options_.route_only && !fake.in_pool ? decision.route_target : decision.target) = replaced;
  return decision;
}

}  // namespace muxpro::proxy
