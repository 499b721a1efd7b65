#include "proxy/config/config.hpp"
#include "proxy/policy/dial_policy.hpp"
#include "proxy/policy/trusted_proxies.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

enum class udp_use : std::uint8_t { no, listens, associates };

udp_use udp_of(const inbound_config& i) {
  if (i.plan.udp || i.plan.carries_datagrams) return udp_use::listens;
  return i.plan.associates && !is_unix(i.at) ? udp_use::associates : udp_use::no;
}

void warn_of(const inbound_config& i, const config& c, std::vector<std::string>& out) {
  if (i.stream.proxies && !i.stream.proxies->networks && !is_unix(i.at))
    out.push_back(fmt::format(
        "inbound {}: acceptProxyProtocol without sockopt.trustedProxies refuses proxies with public "
        "addresses, whereas Xray takes the header from every client",
        sanitized(i.tag)));
  const udp_use use = udp_of(i);
  if (use == udp_use::no || i.protocol == dns_protocol) return;
  const auto tags = possible_outbounds(c.routing, i.tag, network::udp);
  bool any = false;
  std::vector<std::string> without;
  for (const outbound_config& o : c.outbounds) {
    if (std::find(tags.begin(), tags.end(), o.tag) == tags.end()) continue;
    any |= datagrams_of(c, o) == datagram_support::carried;
    if (datagrams_of(c, o) == datagram_support::none) without.push_back(o.tag);
  }
  if (!any && use == udp_use::associates)
    out.push_back(
        fmt::format("inbound {}: UDP ASSOCIATE is refused, no rule leads to an outbound that carries UDP",
                    sanitized(i.tag)));
  else if (!without.empty())
    out.push_back(
        fmt::format("inbound {}: rules lead datagrams to {}, which carries no UDP: they are dropped",
                    sanitized(i.tag), sanitized(fmt::format("{}", fmt::join(without, ", ")))));
}

/// Options of dials have no effect on an outbound that never dials.
void warn_of_unused_route_options(const outbound_config& o, std::vector<std::string>& out) {
  const socket_options& s = o.stream.socket;
  const bool chooses_way = s.mark != 0 || !s.interface.empty() || s.source || !o.stream.next.empty();
  if (!o.plan.never_dials.empty() && chooses_way)
    out.push_back(fmt::format("outbound {}: its sockopt, sendThrough and proxySettings have no effect: {}",
                              sanitized(o.tag), o.plan.never_dials));
}

/// Its datagrams go beside its connections, and no further.
void warn_of_chain(const outbound_config& o, const config& c, std::vector<std::string>& out) {
  const outbound_config* const next = outbound_behind(c, o);
  if (!next || o.plan.datagrams == datagram_support::none || datagrams_of(c, o) != datagram_support::none)
    return;
  out.push_back(
      fmt::format("outbound {}: its datagrams go beside its connections, and outbound {}, through which it "
                  "goes, carries no UDP: they are dropped",
                  sanitized(o.tag), sanitized(next->tag)));
}

void warn_of(const outbound_config& o, std::vector<std::string>& out) {
  if (!o.plan.note.empty()) out.push_back(fmt::format("outbound {}: {}", sanitized(o.tag), o.plan.note));
  if (o.mux && o.plan.needs_security_on_socket)
    out.push_back(fmt::format("outbound {}: mux has no effect with flow xtls-rprx-vision", sanitized(o.tag)));
  const auto& server = o.plan.server;
  if (!is_in_clear(o) || !server->at.host.is_domain() || normalized(server->at.host.domain()) == "localhost")
    return;
  out.push_back(
      fmt::format("outbound {}: protocol {} does not encrypt, and streamSettings has no security: "
                  "others on the way to {} can read it",
                  sanitized(o.tag), o.protocol, sanitized(server->at.host.to_string())));
}

}  // namespace

std::vector<std::string> warnings_of(const config& c) {
  std::vector<std::string> out;
  for (const inbound_config& i : c.inbounds) warn_of(i, c, out);
  for (const outbound_config& o : c.outbounds) {
    warn_of(o, out);
    warn_of_chain(o, c, out);
    warn_of_unused_route_options(o, out);
  }
  return out;
}

}  // namespace muxpro::proxy
