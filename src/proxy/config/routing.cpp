#include "parts.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_rules = 100'000;

/// Two names of one key.
void either(settings& s, std::string_view key, std::string_view other, std::vector<std::string>& out) {
  if (s.has(key) && s.has(other))
    s.wrong(other, fmt::format("is there beside {}, which means the same", key));
  if (!s.texts(key, out)) s.texts(other, out);
}

routing_rule rule_in(settings& s) {
  routing_rule r;
  std::string type, matcher, name;
  s.one_of<std::string>("type", type, {{"field", "field"}});
  // How fast the search is, in the original; here it always is.
  s.one_of<std::string>("domainMatcher", matcher, {{"hybrid", ""}, {"linear", ""}, {"mph", ""}});
  s.text("ruleTag", name);
  either(s, "domain", "domains", r.domain);
  s.texts("ip", r.ip);
  either(s, "source", "sourceIP", r.source_ip);
  s.text_or_number("port", r.port);
  s.text_or_number("sourcePort", r.source_port);
  std::vector<std::string> networks;
  s.texts("network", networks);
  r.network = fmt::format("{}", fmt::join(networks, ","));
  s.texts("inboundTag", r.inbound_tag);
  s.texts("user", r.user);
  s.texts("protocol", r.protocol);
  s.each("attrs", [&](const std::string& attribute, const setting& value, const std::string& path) {
    const auto* text = std::get_if<std::string>(&value.is);
    if (text)
      r.attrs[attribute] = *text;
    else
      s.mistakes().add(path, "must be a text, a regular expression");
  });
  s.text("outboundTag", r.outbound_tag);
  s.text("balancerTag", r.balancer_tag);
  std::uint8_t priority = 0;
  if (s.number<std::uint8_t>("muxPriority", priority, 0)) r.mux_priority = priority;
  return r;
}

balancer_options balancer_in(settings& s) {
  balancer_options b;
  s.needs("tag", "a name for rules");
  s.text("tag", b.tag);
  s.needs("selector", "a list of beginnings of outbounds' tags");
  s.texts("selector", b.selector);
  s.text("fallbackTag", b.fallback_tag);
  s.object("strategy", [&](settings& t) {
    t.one_of<balancing>("type", b.strategy,
                        {{"random", balancing::random},
                         {"roundRobin", balancing::round_robin},
                         {"leastLoad", balancing::least_load}});
  });
  return b;
}

/// What the router says about `o`, which holds one rule or one balancer.
void try_out(settings& s, const router_options& o, geo_files& geo) {
  try {
    const router works(o, geo);
  } catch (const std::invalid_argument& e) {
    // "rules[0].port is '99999', it must be ..."
    std::string_view sentence = e.what();
    const auto end = sentence.find("[0].");
    report(s, end == std::string_view::npos ? sentence : sentence.substr(end + 4));
  }
}

}  // namespace

// The router stops at its first mistake: each rule is tried alone, so that all mistakes are told.
void read_routing(settings& s, router_options& to, geo_files& geo) {
  s.one_of<domain_strategy>("domainStrategy", to.strategy,
                            {{"AsIs", domain_strategy::as_is},
                             {"IPIfNonMatch", domain_strategy::ip_if_non_match},
                             {"IPOnDemand", domain_strategy::ip_on_demand}});
  const std::size_t before = s.mistakes().count();
  router_options one = to;
  s.objects("balancers", [&](settings& b, std::size_t) {
    to.balancers.push_back(balancer_in(b));
    one.balancers = {to.balancers.back()};
    try_out(b, one, geo);
    for (std::size_t i = 0; i + 1 < to.balancers.size(); ++i)
      if (to.balancers[i].tag == to.balancers.back().tag)
        b.wrong("tag", fmt::format("is '{}'; it must be a name that no other balancer has",
                                   shown(one.balancers[0].tag)));
  });
  const bool balancers_work = s.mistakes().count() == before;
  one.balancers = to.balancers;
  const auto rule = [&](settings& r, std::size_t) {
    const std::size_t so_far = r.mistakes().count();
    to.rules.push_back(rule_in(r));
    const bool depends = to.rules.back().outbound_tag.empty() && !balancers_work;
    if (r.mistakes().count() != so_far || depends || to.outbound_tags.empty()) return;
    one.rules = {to.rules.back()};
    try_out(r, one, geo);
  };
  s.objects("rules", rule, most_rules);
}

sniffing_options read_sniffing(settings& s, geo_files& geo) {
  sniffing_options o;
  s.flag("enabled", o.enabled);
  s.texts("destOverride", o.dest_override);
  s.texts("domainsExcluded", o.domains_excluded);
  s.texts("ipsExcluded", o.ips_excluded);
  s.text_or_number("portsExcluded", o.ports_excluded);
  s.flag("metadataOnly", o.metadata_only);
  s.flag("routeOnly", o.route_only);
  try {
    const sniff_policy works(o, geo);
  } catch (const std::invalid_argument& e) {
    report(s, e.what());
  }
  return o;
}

}  // namespace muxpro::proxy
