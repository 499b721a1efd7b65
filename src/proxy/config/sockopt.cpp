// "sockopt" of streamSettings, with options of sockets, and how an outbound gets its connections.
#include "proxy/base/text.hpp"
#include "proxy/config/readers.hpp"
#include "proxy/policy/trusted_proxies.hpp"

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace muxpro::proxy {

namespace {

ip_set read_trusted(settings& s, const std::vector<std::string>& texts) {
  std::vector<ip_prefix> blocks;
  for (const std::string& text : texts) {
    const auto block = ip_prefix::parse(text);
    if (block)
      blocks.push_back(*block);
    else
      s.wrong("trustedProxies",
              fmt::format("has '{}'; it must be an address or a block such as 10.0.0.0/8", sanitized(text)));
  }
  return ip_set(blocks);
}

/// What a server believes of proxies in front of it.
void read_proxies(settings& s, stream_config& to) {
  bool accepts = false;
  s.flag({"acceptProxyProtocol",
          "Whether every connection begins with a header of the PROXY protocol, version 1 or 2, which names "
          "the client. Also in the settings of tcp, ws and httpupgrade."},
         accepts);
  accepts |= to.carrier.accepts_proxy_protocol;
  std::vector<std::string> networks, fields;
  const bool some =
      s.texts({"trustedProxies",
               "Addresses and blocks of the proxies that may send this header; default: private "
               "addresses and this machine. A unix socket is for proxies anyway."},
              networks);
  if (some && !accepts) s.wrong("trustedProxies", "needs acceptProxyProtocol");
  trusted_proxies trusted;
  if (some) trusted.networks = read_trusted(s, networks);
  if (accepts) to.proxies = std::make_shared<const trusted_proxies>(std::move(trusted));
  s.texts({"trustedXForwardedFor",
           "Names of fields of HTTP. A carrier takes the client's address from X-Forwarded-For in requests "
           "that have one of them."},
          fields);
  for (std::string& f : fields) f = lower_case(f);
  if (to.carrier.trust)
    to.carrier.trust(std::move(fields));
  else if (!fields.empty())
    s.note("trustedXForwardedFor", "has no effect: network is not ws, httpupgrade, grpc or xhttp");
}

// As in Xray a negative number of either switches the probes off, and 0 stands for the default.
void read_keep_alive(settings& s, socket_options& o) {
  const duration second = std::chrono::seconds(1), none(0);
  duration idle = o.keep_alive_idle, interval = o.keep_alive_interval;
  s.time({"tcpKeepAliveIdle",
          "Idle time before the first keep-alive probe; 0: the default; a negative number: no probes."},
         idle, second, -32767, 32767);
  s.time({"tcpKeepAliveInterval", "Time between keep-alive probes, with 0 and negative numbers as there."},
         interval, second, -32767, 32767);
  if (idle != none) o.keep_alive_idle = idle;
  if (interval != none) o.keep_alive_interval = interval;
  if (idle >= none && interval >= none) return;
  o.keep_alive_idle = none;
  o.keep_alive_interval = second;  // of no probes
}

socket_options read_socket_options(settings& s, socket_options o) {
  const duration millisecond = std::chrono::milliseconds(1);
  s.flag({"tcpNoDelay", "Send small segments at once (TCP_NODELAY)."}, o.no_delay);
  s.flag_or_count({"tcpFastOpen", "TCP Fast Open. A number is the length of a listener's queue for it."},
                  o.fast_open, o.fast_open_queue);
  s.flag({"tcpMptcp", "TCP over several paths, where the kernel has it."}, o.multipath);
  s.text({"tcpCongestion", "The algorithm against congestion, such as bbr; default: the system's."},
         o.congestion);
  s.number<std::uint32_t>({"tcpMaxSeg", "The largest segment, in bytes; 0: the system's."}, o.max_segment, 0,
                          65535);
  s.number<std::uint32_t>({"tcpWindowClamp", "The largest window for the peer, in bytes; 0: the system's."},
                          o.window_clamp, 0, 1U << 30);
  s.number<std::uint32_t>({"mark", "The mark of packets for rules of the kernel; needs CAP_NET_ADMIN."},
                          o.mark, 0);
  s.text({"interface", "The name of the network interface; default: any."}, o.interface);
  s.flag({"v6only", "Whether a listener on an IPv6 address takes no clients of IPv4."}, o.v6_only);
  read_keep_alive(s, o);
  s.time({"tcpUserTimeout", "Time that sent data may stay unacknowledged; 0: the system's default."},
         o.user_timeout, millisecond, 0, 86'400'000);
  s.one_of<bool>(
      {"tproxy", "How traffic reaches a dokodemo-door with followRedirect. tproxy needs CAP_NET_ADMIN."},
      o.transparent, {{"off", false}, {"redirect", false}, {"tproxy", true}});
  return o;
}

happy_eyeballs read_race(settings& s) {
  happy_eyeballs out;
  duration delay(0);
  bool v6_first = false;
  s.time({"tryDelayMs", "Time between the starts of two attempts; 0: 250."}, delay,
         std::chrono::milliseconds(1), 0, 10'000);
  if (delay > duration(0)) out.stagger = delay;
  s.flag({"prioritizeIPv6", "Whether addresses of IPv6 are tried before those of IPv4."}, v6_first);
  out.order.v6_first = v6_first;
  s.number<std::size_t>({"interleave", "Addresses of one family in a row, before one of the other."},
                        out.order.in_a_row, 1, 64);
  out.order.at_once = 4;
  s.number<std::size_t>({"maxConcurrentTry", "Attempts at a time."}, out.order.at_once, 1, 8);
  return out;
}

struct server_strategy {
  dial_family family = dial_family::any;
  bool by_dns = false;
  bool operator==(const server_strategy&) const = default;
};

settings::choices<server_strategy> server_strategies() {
  settings::choices<server_strategy> out;
  for (const auto& [name, family] : families_by_strategy()) out.push_back({name, {family, name != "AsIs"}});
  return out;
}

/// Where an outbound's connections come from.
void read_dialing(settings& s, stream_config& to) {
  server_strategy strategy;
  s.one_of<server_strategy>(
      {"domainStrategy",
       "Which addresses of the server's name are dialled, as domainStrategy of freedom. But for AsIs, "
       "\"dns\" "
       "resolves the name, whose servers must not be reached by this outbound; else the system does. With "
       "dialerProxy and a family the name is resolved here, else the other outbound gets it."},
      strategy, server_strategies());
  to.family = strategy.family;
  to.resolves_server = strategy.by_dns;
  s.object({"happyEyeballs", "The order of a name's addresses, and attempts beside each other (RFC 8305)."},
           [&](settings& h) { to.race = read_race(h); });
  if (s.text({"dialerProxy",
              "The tag of an outbound that makes the connections of this one, in place of sockets: security "
              "and network stand on what it carries. It may go through a further one."},
             to.next))
    to.next_key = s.path("dialerProxy");
  bool shares = false;
  s.flag({"penetrate", "Whether downloads of XHTTP from another place have the options of this object."},
         shares);
  if (!shares || !to.carrier.share_socket) return;
  if (to.next.empty())
    to.carrier.share_socket(to.socket);
  else
    s.wrong("penetrate", "is true beside dialerProxy; muxpro has no dialerProxy for downloads");
}

}  // namespace

settings::choices<dial_family> families_by_strategy() {
  return {{"AsIs", dial_family::any},
          {"UseIP", dial_family::any},
          {"UseIPv4", dial_family::ipv4},
          {"UseIPv6", dial_family::ipv6},
          {"UseIPv4v6", dial_family::ipv4},
          {"UseIPv6v4", dial_family::ipv6},
          {"ForceIP", dial_family::any},
          {"ForceIPv4", dial_family::only_ipv4},
          {"ForceIPv6", dial_family::only_ipv6},
          {"ForceIPv4v6", dial_family::ipv4},
          {"ForceIPv6v4", dial_family::ipv6}};
}

void read_sockopt(settings& s, role side, stream_config& to) {
  s.object({"sockopt", "Options of the socket."}, [&](settings& o) {
    to.socket = read_socket_options(o, to.socket);
    if (side == role::client) {
      read_dialing(o, to);
      for (const char* key : {"acceptProxyProtocol", "trustedProxies", "trustedXForwardedFor"})
        o.pass_over(key, "has no effect on an outbound");
      return;
    }
    read_proxies(o, to);
    for (const char* key : {"domainStrategy", "happyEyeballs", "dialerProxy", "penetrate"})
      o.pass_over(key, "has no effect on an inbound");
  });
}

}  // namespace muxpro::proxy
