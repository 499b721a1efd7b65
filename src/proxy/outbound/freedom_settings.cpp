// The configuration of outbounds of protocol freedom.
#include "proxy/base/port_set.hpp"
#include "proxy/base/text.hpp"
#include "proxy/config/range.hpp"
#include "proxy/config/readers.hpp"
#include "proxy/config/redirect.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/freedom.hpp"
#include "proxy/outbound/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

void read_redirect(settings& s, freedom_options& to) {
  std::string text;
  if (!s.text({"redirect",
               "HOST:PORT that replaces the target of every TCP connection. An empty HOST, or port 0, keeps "
               "that part."},
              text) ||
      text.empty())
    return;
  to.redirect = parse_redirect(text);
  if (!to.redirect)
    s.wrong("redirect", fmt::format("is '{}'; it must be HOST:PORT, or :PORT", sanitized(text)));
}

void read_fragment(settings& s, freedom_options& to) {
  s.object({"fragment", "Cuts a client's first bytes, for networks that look into them."}, [&](settings& f) {
    fragment_options o;
    std::string packets;
    const bool asks_for_any = f.has("length") || f.has("interval") || f.has("packets");
    f.text({"packets",
            "tlshello: a ClientHello of TLS becomes several records. A range such as 1-3: the first bytes of "
            "any protocol, once."},
           packets);
    o.only_client_hello = same_word(packets, "tlshello");
    if (packets.empty() && asks_for_any)
      f.note("packets", "is missing; only the first bytes are fragmented, whereas Xray fragments all writes");
    if (!packets.empty() && !o.only_client_hello && !number_range::parse(packets))
      f.wrong("packets",
              fmt::format("is '{}'; it must be tlshello, or a range such as 1-3", sanitized(packets)));
    o.bytes = {100, 200};
    read_range(f, {"length", "Bytes of a piece."}, o.bytes, 16384);
    if (o.bytes.least == 0) f.wrong("length", "must not be 0");
    o.pause_ms = {10, 20};
    read_range(f, {"interval", "Milliseconds between two pieces."}, o.pause_ms, 10'000);
    number_range most{256, 256};
    read_range(f, {"maxSplit", "The most pieces; 0: 256."}, most, 256);
    if (most.most != 0) o.most_pieces = most.most;
    if (asks_for_any) to.fragment = o;
  });
}

/// The addresses are added when lists are known.
struct final_rule_text {
  final_rule rule;
  std::optional<std::vector<std::string>> addresses;
};

final_rule_text read_final_rule(settings& s) {
  final_rule_text out;
  final_rule& r = out.rule;
  s.needs("action", "allow or block");
  s.one_of<bool>({"action", "Whether such addresses are dialled."}, r.allows,
                 {{"allow", true}, {"block", false}});
  std::vector<std::string> networks, ips;
  if (s.texts({"network", "tcp, udp or both."}, networks)) {
    r.tcp = std::find(networks.begin(), networks.end(), "tcp") != networks.end();
    r.udp = std::find(networks.begin(), networks.end(), "udp") != networks.end();
  }
  std::string ports;
  if (s.text_or_number({"port", "Ports, such as 53,443,1000-2000."}, ports)) {
    r.ports = port_set::parse(ports);
    if (!r.ports) s.wrong("port", port_set::allowed);
  }
  if (s.texts({"ip", "Addresses of targets, written as in routing.rules.ip."}, ips))
    out.addresses = std::move(ips);
  s.pass_over("blockDelay", "has no effect: a blocked connection ends at once");
  return out;
}

std::shared_ptr<const final_rules> final_rules_of(const std::vector<final_rule_text>& texts, geo_files& geo) {
  std::vector<final_rule> out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    final_rule r = texts[i].rule;
    if (texts[i].addresses) r.addresses.emplace();
    for (const std::string& text : texts[i].addresses.value_or(std::vector<std::string>()))
      if (const auto mistake = r.addresses->add(text, geo); !mistake.empty())
        throw std::invalid_argument(
            fmt::format("finalRules[{}].ip has '{}', {}", i, sanitized(text), mistake));
    if (r.addresses) r.addresses->finish();
    out.push_back(std::move(r));
  }
  return std::make_shared<const final_rules>(std::move(out));
}

std::vector<final_rule_text> read_final_rules(settings& s) {
  std::vector<final_rule_text> out;
  s.objects(
      {"finalRules",
       "Which addresses are dialled over TCP, judged after DNS, before allowPrivate: the first rule that "
       "matches decides."},
      [&](settings& r, std::size_t) { out.push_back(read_final_rule(r)); });
  return out;
}

void read_datagram_limits(settings& s, freedom_options& f) {
  const setting_key ports{"refusedUdpPorts",
                          "UDP ports to refuse, such as 19,1900,11211, which amplification attacks use."};
  if (s.text_or_number(ports, f.nat.refused_ports) && !port_set::parse(f.nat.refused_ports))
    s.wrong("refusedUdpPorts", port_set::allowed);
  s.number<std::uint32_t>(
      {"udpRate",
       "Datagrams per second that a user may send; further ones are dropped. 0: no limit. Default: 200000, "
       "or no limit if all inbounds listen on loopback or unix sockets."},
      f.udp_rate, 0, max_udp_rate);
}

/// The lists of `rules` are read when the proxy starts.
void take_final_rules(std::vector<final_rule_text> rules, const freedom_options& f, outbound_plan& to) {
  if (rules.empty()) return;
  to.take_lists = [f, rules = std::move(rules)](geo_files& geo, outbound_plan& plan) {
    freedom_options own = f;
    own.dial.final = final_rules_of(rules, geo);
    outbound_plan with_rules = plan_of(own);
    plan.make = std::move(with_rules.make);
    plan.options = std::move(with_rules.options);
  };
}

void read_freedom(settings& s, outbound_plan& to) {
  freedom_options f;
  // The proxy has one resolver, so AsIs, UseIP and ForceIP are the same.
  s.one_of<dial_family>({"domainStrategy",
                         "Which addresses of a name are dialled. ForceIPv4 and ForceIPv6 use one family "
                         "alone, the others use the other family for names without that one."},
                        f.dial.family, families_by_strategy());
  s.flag({"allowPrivate",
          "Whether private, local and other special addresses are dialled, judged after DNS and after "
          "un-mapping IPv4-mapped, NAT64, 6to4 and Teredo addresses. Default: only if all inbounds "
          "listen on loopback or unix sockets, and no HandlerService of the API may add others."},
         f.allow_private);
  read_datagram_limits(s, f);
  read_redirect(s, f);
  read_fragment(s, f);
  s.number<unsigned>({"proxyProtocol",
                      "The version of the PROXY protocol, 1 or 2, by whose header targets of TCP get the "
                      "client's address; 0: no header."},
                     f.proxy_header, 0, 2);
  std::uint32_t level = 0;
  s.number<std::uint32_t>({"userLevel", "Accepted from Xray's configurations, without effect."}, level, 0,
                          65535);
  to = plan_of(f);
  take_final_rules(read_final_rules(s), f, to);
}

nat_limits limits_of(const freedom_options& o, bool local_only) {
  nat_limits limits = o.nat;
  if (o.udp_rate)
    limits.user_datagrams = datagrams_in_a_second(*o.udp_rate);
  else if (local_only)
    limits.user_datagrams = {};  // the limit is for users of other machines
  return limits;
}

outbound_factory make_freedom(outbound_resources& from, const freedom_options& o) {
  const bool all = o.allow_private.value_or(from.local_only());
  freedom_options own = o;
  own.dial = from.dialing(o.dial);
  const nat_limits limits = limits_of(o, from.local_only());
  udp_nat& nat = from.nat(all, limits, own.dial);
  udp_nat& own_nat = from.nat(true, limits, own.dial);
  return [&from, &nat, &own_nat, all, own](asio::io_context&) {
    auto made = std::make_shared<freedom>(from.names(), from.policy(all), own, from.relay(), &nat);
    made->carry_own_queries(from.policy(true), &own_nat);
    return made;
  };
}

}  // namespace

freedom_options freedom_options::scaled(double factor) const {
  freedom_options out = *this;
  for (duration* d : {&out.dial.timeout, &out.dial.stagger, &out.nat.idle, &out.nat.resume})
    *d = std::chrono::duration_cast<duration>(*d / factor);
  return out;
}

std::string freedom_options::validate() const {
  const std::string mistake = limits_of(*this, false).validate();
  return mistake.empty() ? dial.validate() : mistake;
}

outbound_plan plan_of(const freedom_options& o) {
  outbound_plan out;
  out.options = o;
  out.datagrams = datagram_support::carried;
  out.datagrams_beside = true;
  out.dials = true;
  out.make = [o](outbound_resources& from) { return make_freedom(from, o); };
  return out;
}

void add_freedom_outbound(registry& to) {
  to.outbounds.add("freedom", "Dials targets from this machine. The proxy's own listeners are never dialled.",
                   read_freedom);
}

}  // namespace muxpro::proxy
