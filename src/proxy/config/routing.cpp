#include "proxy/config/readers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_rules = 100'000;

// In V2Ray and Xray the key chooses how names are searched. Here one index serves all choices.
void read_matcher(settings& s) {
  std::string matcher;
  s.one_of<std::string>(
      {"domainMatcher", "Accepted from Xray's configurations, without effect: one index serves all."},
      matcher, {{"hybrid", ""}, {"linear", ""}, {"mph", ""}});
}

/// The tags that a rule's inboundTag may have.
class inbound_tags {
 public:
  explicit inbound_tags(const std::vector<std::string>& all) {
    for (const std::string& tag : all)
      if (!tag.empty()) tags_.insert(tag);
  }
  void check(settings& rule, const std::vector<std::string>& wanted) const {
    if (tags_.empty()) return;
    for (const std::string& tag : wanted)
      if (!tags_.contains(tag)) report_unknown(rule, tag);
  }

 private:
  void report_unknown(settings& rule, const std::string& tag) const {
    constexpr std::size_t most_compared = 64;
    if (rule.mistakes().full()) return rule.mistakes().add({}, {});
    const std::vector<std::string_view> names(tags_.begin(), tags_.end());
    const std::string_view meant =
        names.size() > most_compared ? std::string_view() : closest_match(tag, names);
    const std::string hint = meant.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                                           : fmt::format("did you mean '{}'?", meant);
    rule.wrong("inboundTag", sanitized(fmt::format("has '{}', which is not the tag of an inbound; {}",
                                                   sanitized(tag), hint),
                                       300));
  }

  std::set<std::string_view> tags_;
};

constexpr std::string_view addresses_allowed =
    "Addresses of targets: an IP address, a block such as 10.0.0.0/8, geoip:LIST or ext:FILE:LIST, each with "
    "! before it for all other addresses.";

void read_targets(settings& s, routing_rule& r) {
  s.texts(
      {"domain",
       "Names of targets: full:NAME, domain:NAME (with its sub-domains), keyword:TEXT or TEXT, "
       "regexp:EXPRESSION (of RE2), dotless:TEXT, geosite:LIST, geosite:LIST@ATTRIBUTE or ext:FILE:LIST."},
      r.domain);
  s.texts({"ip", addresses_allowed}, r.ip);
  s.text_or_number({"port", "Ports of targets, such as 53,443,1000-2000."}, r.port);
  std::vector<std::string> networks;
  s.texts({"network", "tcp, udp or both."}, networks);
  r.network = fmt::format("{}", fmt::join(networks, ","));
}

void read_clients(settings& s, routing_rule& r) {
  s.texts({"source", "The client's address, written as in ip."}, r.source_ip);
  s.text_or_number({"sourcePort", "Ports of clients, written as in port."}, r.source_port);
  s.texts({"localIP", "The address that the client has connected to, written as in ip."}, r.local_ip);
  s.text_or_number({"localPort", "Ports that clients have connected to, written as in port."}, r.local_port);
  s.text_or_number(
      {"vlessRoute",
       "Numbers that clients of VLESS put into bytes 6 and 7 of their UUID, written as in port."},
      r.vless_route);
  s.texts({"process",
           "Programs of this machine whose connections match: a name such as curl, a path, or a directory "
           "with / at its end."},
          r.process);
  s.texts({"inboundTag", "Tags of inbounds."}, r.inbound_tag);
  s.texts({"user", "Users: a name, or regexp:EXPRESSION."}, r.user);
}

void read_content(settings& s, routing_rule& r) {
  s.texts({"protocol",
           "Beginnings of the sniffed protocol (http, http1, tls, quic, bittorrent) or of the inbound's; "
           "unknown if no sniffer has recognized the first bytes."},
          r.protocol);
  const setting_key attrs{"attrs",
                          "Attributes of a sniffed HTTP request (:method, :path and header fields), each "
                          "with a regular expression that is found in its value."};
  s.each(attrs, [&](const std::string& attribute, const setting& value, const std::string& path) {
    const auto* text = std::get_if<std::string>(&value.is);
    if (text)
      r.attrs[attribute] = *text;
    else
      s.mistakes().add(path, "must be a text, a regular expression");
  });
}

void read_decision(settings& s, routing_rule& r) {
  s.text({"outboundTag", "The outbound for what matches; this or balancerTag is needed."}, r.outbound_tag);
  s.text({"balancerTag", "The balancer for what matches, if there is no outboundTag."}, r.balancer_tag);
  s.number<std::uint8_t>({"muxPriority",
                          "The priority of sub-streams that match: 0 is served first; 255 gets an eighth of "
                          "what 0 gets if both wait."},
                         r.mux_priority, 0);
}

routing_rule rule_in(settings& s) {
  routing_rule r;
  std::string type = "field";
  s.one_of<std::string>({"type", "Accepted from Xray's configurations, without effect."}, type,
                        {{"field", "field"}});
  read_matcher(s);
  s.text({"ruleTag", "A name for the reader of the file, and for RoutingService of the API."}, r.rule_tag);
  read_targets(s, r);
  read_clients(s, r);
  read_content(s, r);
  read_decision(s, r);
  return r;
}

/// Reports the router's mistake about `o`, which holds one rule or one balancer.
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

// The router stops at its first mistake. Each rule is tried alone, so that all mistakes are reported.
void read_routing(settings& s, router_options& to, geo_files& geo, const std::vector<std::string>& inbounds) {
  read_matcher(s);
  const inbound_tags tags(inbounds);
  s.one_of<domain_strategy>({"domainStrategy",
                             "When names are resolved for rules about addresses: never, if no other rule "
                             "matches, or as soon as such a rule is reached."},
                            to.strategy,
                            {{"AsIs", domain_strategy::as_is},
                             {"IPIfNonMatch", domain_strategy::ip_if_non_match},
                             {"IPOnDemand", domain_strategy::ip_on_demand}});
  const std::size_t before = s.mistakes().count();
  router_options one = to;
  one.rules.clear();  // those that are there need balancers that are there
  s.objects({"balancers", "Groups of outbounds that share connections."}, [&](settings& b, std::size_t) {
    to.balancers.push_back(read_balancer(b));
    one.balancers = {to.balancers.back()};
    try_out(b, one, geo);
    for (std::size_t i = 0; i + 1 < to.balancers.size(); ++i)
      if (to.balancers[i].tag == to.balancers.back().tag)
        b.wrong("tag", fmt::format("is '{}'; it must be a name that no other balancer has",
                                   sanitized(one.balancers[0].tag)));
  });
  const bool balancers_work = s.mistakes().count() == before;
  one.balancers = to.balancers;
  const auto rule = [&](settings& r, std::size_t) {
    const std::size_t so_far = r.mistakes().count();
    to.rules.push_back(rule_in(r));
    tags.check(r, to.rules.back().inbound_tag);
    const bool depends = to.rules.back().outbound_tag.empty() && !balancers_work;
    if (r.mistakes().count() != so_far || depends || to.outbound_tags.empty()) return;
    one.rules = {to.rules.back()};
    try_out(r, one, geo);
  };
  s.objects({"rules",
             "The first rule that matches decides. A rule matches if all of its keys do; a key matches if "
             "one of its values does."},
            rule, most_rules);
}

namespace {

// Examples for Xray have "mijia cloud", which excludes no name.
void leave_out_texts_with_blanks(settings& s, std::vector<std::string>& names) {
  std::erase_if(names, [&](const std::string& name) {
    const bool is_none = name.find(' ') != std::string::npos && !name.starts_with("regexp:");
    if (is_none)
      s.note("domainsExcluded", fmt::format("has '{}', which is not a host name", sanitized(name)));
    return is_none;
  });
}

}  // namespace

sniffing_options read_sniffing(settings& s, geo_files& geo) {
  sniffing_options o;
  s.flag({"enabled", "Whether first bytes are inspected, for 300 ms at most."}, o.enabled);
  o.dest_override.clear();
  s.texts({"destOverride",
           "The sniffers whose names are used: http, tls, quic, fakedns. Default: none. The inbound waits "
           "for a client's first bytes, and reports success before the target is reached, only if there is "
           "more than fakedns here or a rule has protocol or attrs."},
          o.dest_override);
  s.texts({"domainsExcluded",
           "Names that are not used, written as in routing.rules.domain. FakeDNS is not affected."},
          o.domains_excluded);
  leave_out_texts_with_blanks(s, o.domains_excluded);
  s.texts({"ipsExcluded", "Targets that keep their address, written as in routing.rules.ip."},
          o.ips_excluded);
  s.text_or_number(
      {"portsExcluded",
       "Ports at which the server speaks first, such as 25,110: the inbound does not wait there."},
      o.ports_excluded);
  s.flag({"metadataOnly", "Use FakeDNS only, and wait for no byte."}, o.metadata_only);
  o.route_only = false;
  s.flag({"routeOnly",
          "Use the name for rules only and dial the original address. Otherwise the name is dialled, and the "
          "address that it gives must be allowed by the outbound."},
         o.route_only);
  try {
    const sniff_policy works(o, geo);
  } catch (const std::invalid_argument& e) {
    report(s, e.what());
  }
  return o;
}

}  // namespace muxpro::proxy
