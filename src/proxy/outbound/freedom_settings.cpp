// The configuration of outbounds of protocol freedom.
#include "proxy/base/port_set.hpp"
#include "proxy/config/readers.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/freedom.hpp"

#include <fmt/format.h>

#include <chrono>

namespace muxpro::proxy {

namespace {

void read_freedom(settings& s, outbound_plan& to) {
  freedom_options f;
  // The proxy has one resolver, so AsIs and UseIP are the same.
  s.one_of<dial_family>({"domainStrategy",
                         "Which addresses of a name are dialled. UseIPv4 and UseIPv6 use the other family "
                         "only for names without that one."},
                        f.dial.family,
                        {{"AsIs", dial_family::any},
                         {"UseIP", dial_family::any},
                         {"UseIPv4", dial_family::ipv4},
                         {"UseIPv6", dial_family::ipv6}});
  s.flag({"allowPrivate",
          "Whether private, local and other special addresses are dialled, judged after DNS and after "
          "un-mapping IPv4-mapped, NAT64, 6to4 and Teredo addresses. Default: only if all inbounds "
          "listen on loopback or unix sockets."},
         f.allow_private);
  const setting_key ports{
      "refusedUdpPorts",
      "Ports to which no datagram goes, such as 19,1900,11211, whose services answer little with much."};
  if (s.text_or_number(ports, f.nat.refused_ports) && !port_set::parse(f.nat.refused_ports))
    s.wrong("refusedUdpPorts", port_set::allowed);
  s.number<std::uint32_t>(
      {"udpRate",
       "Datagrams per second that a user may send; further ones are dropped. 0: no limit. Default: 200000, "
       "or no limit if all inbounds listen on loopback or unix sockets."},
      f.udp_rate, 0, max_udp_rate);
  to = plan_of(f);
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
  udp_nat& nat = from.nat(all, limits_of(o, from.local_only()), o.dial);
  return [&from, &nat, all, dial = o.dial](asio::io_context&) {
    return std::make_shared<freedom>(from.names(), from.policy(all), dial, from.relay(), &nat);
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
  out.make = [o](outbound_resources& from) { return make_freedom(from, o); };
  return out;
}

void add_freedom_outbound(registry& to) {
  to.outbounds.add("freedom", "Dials targets from this machine. The proxy's own listeners are never dialled.",
                   read_freedom);
}

}  // namespace muxpro::proxy
