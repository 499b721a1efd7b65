// The configuration of outbounds of protocol dns.
#include "proxy/base/text.hpp"
#include "proxy/config/readers.hpp"
#include "proxy/dial/connect_operation.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/dns.hpp"
#include "proxy/outbound/freedom.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

constexpr const char* allowed_types =
    "it must be a list of numbers and ranges of 0 to 65535, such as 1,28,64-65";

void read_query_types(settings& s, const setting_key& key, std::optional<port_set>& to) {
  std::string text;
  if (!s.text_or_number(key, text)) return;
  to = port_set::parse(text);
  if (!to) s.wrong(key.name, fmt::format("is '{}'; {}", sanitized(text), allowed_types));
}

dns_rule_options read_dns_rule(settings& s) {
  dns_rule_options r;
  s.needs("action", "hijack, direct, return or drop");
  s.one_of<dns_action>(
      {"action",
       "hijack: the query is answered by dns, which has A and AAAA alone. direct: it goes to its "
       "server. return: it gets rCode. drop: it gets no reply."},
      r.action,
      {{"hijack", dns_action::answer},
       {"direct", dns_action::forward},
       {"return", dns_action::refuse},
       {"drop", dns_action::drop}});
  read_query_types(s, {"qType", "Types of queries, such as 1,28,64-65; default: all."}, r.types);
  s.texts({"domain", "Names, written as in routing.rules.domain; default: all."}, r.names);
  s.number<unsigned>({"rCode", "The response code of return."}, r.code, 0, 4095);
  return r;
}

/// "nonIPQuery" and "blockTypes", which Xray had before "rules".
std::vector<dns_rule_options> older_rules(dns_action other, const std::optional<port_set>& blocked) {
  constexpr unsigned refused = 5;
  std::vector<dns_rule_options> out;
  const bool refuses = other == dns_action::refuse;
  if (blocked) out.push_back({refuses ? dns_action::refuse : dns_action::drop, refused, blocked, {}});
  out.push_back({dns_action::answer, 0, port_set::parse("1,28"), {}});
  out.push_back({other, refused, std::nullopt, {}});
  return out;
}

void read_older_rules(settings& s, std::vector<dns_rule_options>& to) {
  dns_action other = dns_action::refuse;
  std::string types;
  const bool has_other = s.one_of<dns_action>(
      {"nonIPQuery",
       "What becomes of queries for other types than A and AAAA, if there are no rules: reject "
       "refuses them, drop gives no reply, skip sends them to their server."},
      other, {{"reject", dns_action::refuse}, {"drop", dns_action::drop}, {"skip", dns_action::forward}});
  const bool has_blocked =
      s.numbers({"blockTypes", "Types of queries that get no records, if there are no rules."}, types);
  if (!has_other && !has_blocked) return;
  if (!to.empty())
    s.wrong(has_other ? "nonIPQuery" : "blockTypes", "is used together with rules, which replaces it");
  const auto blocked = types.empty() ? std::nullopt : port_set::parse(types);
  if (!types.empty() && !blocked)
    s.wrong("blockTypes", fmt::format("has '{}'; {}", sanitized(types), allowed_types));
  to = older_rules(other, blocked);
}

std::vector<dns_rule_options> read_dns_rules(settings& s) {
  std::vector<dns_rule_options> rules;
  s.objects({"rules",
             "What becomes of queries, by their types and names; the first rule that matches decides. "
             "Without one A "
             "and AAAA are answered by dns, and other types have no records."},
            [&](settings& r, std::size_t) { rules.push_back(read_dns_rule(r)); });
  read_older_rules(s, rules);
  return rules;
}

bool forwards(const std::vector<dns_rule_options>& rules) {
  return std::any_of(rules.begin(), rules.end(),
                     [](const dns_rule_options& r) { return r.action == dns_action::forward; });
}

std::function<outbound_factory(outbound_resources&)> maker_of(const dns_outbound_options& o) {
  return [o](outbound_resources& from) -> outbound_factory {
    const outbound_factory direct = plan_of(freedom_options()).make(from);
    return [&from, o, direct](asio::io_context& io) {
      return std::make_shared<dns_outbound>(from.names(), from.policy(true), o, direct(io));
    };
  };
}

void read_dns_outbound(settings& s, outbound_plan& to) {
  dns_outbound_options o;
  std::vector<dns_rule_options> rules = read_dns_rules(s);
  s.one_of<std::optional<network>>({"rewriteNetwork",
                                    "How queries that are not answered here go to their server: "
                                    "tcp or udp; default: as they have come."},
                                   o.net, {{"tcp", network::tcp}, {"udp", network::udp}});
  std::string host;
  if (s.text({"rewriteAddress", "The server that they go to, in place of the one that the client asks."},
             host) &&
      !host.empty()) {
    o.host = address(host);
    if (!o.host->valid())
      s.wrong("rewriteAddress", fmt::format("is '{}'; it must be an IP address or a name", sanitized(host)));
  }
  s.number<std::uint16_t>({"rewritePort", "The port of that server; 0: as the client has it."}, o.port, 0);
  s.pass_over("userLevel", "has no effect");
  to.datagrams = datagram_support::carried;
  to.dials = true;
  if (!forwards(rules))
    to.never_dials = "no rule forwards queries, and the proxy's resolver asks the servers of dns";
  to.make = maker_of(o);
  to.take_lists = [o, rules = std::move(rules)](geo_files& geo, outbound_plan& plan) {
    dns_outbound_options own = o;
    own.rules = std::make_shared<const dns_rules>(rules, geo);
    plan.make = maker_of(own);
  };
}

}  // namespace

void add_dns_outbound(registry& to) {
  to.outbounds.add(
      std::string(dns_protocol),
      "Answers queries of DNS itself, by the names and servers of dns, whatever server they are for.",
      read_dns_outbound);
}

}  // namespace muxpro::proxy
