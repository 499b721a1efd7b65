#include "proxy/base/text.hpp"
#include "proxy/config/readers.hpp"
#include "proxy/policy/trusted_proxies.hpp"

#include <fmt/format.h>

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
              fmt::format("has '{}'; it must be an address or a block such as 10.0.0.0/8", shown(text)));
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
  const bool some = s.texts({"trustedProxies",
                             "Addresses and blocks of the proxies that may send this header; default: all. A "
                             "unix socket is for proxies anyway."},
                            networks);
  if (some && !accepts) s.wrong("trustedProxies", "is there without acceptProxyProtocol");
  trusted_proxies trusted;
  trusted.all = !some;
  trusted.networks = read_trusted(s, networks);
  if (accepts) to.proxies = std::make_shared<const trusted_proxies>(std::move(trusted));
  s.texts({"trustedXForwardedFor",
           "Names of fields of HTTP. A carrier takes the client's address from X-Forwarded-For in requests "
           "that have one of them."},
          fields);
  for (std::string& f : fields) f = lower_case(f);
  if (to.carrier.trust) to.carrier.trust(std::move(fields));
}

socket_options read_sockopt(settings& s, socket_options o) {
  const duration second = std::chrono::seconds(1), millisecond = std::chrono::milliseconds(1);
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
  s.time({"tcpKeepAliveIdle", "Idle time before the first keep-alive probe; 0: no probes."},
         o.keep_alive_idle, second, 0, 32767);
  s.time({"tcpKeepAliveInterval", "Time between keep-alive probes."}, o.keep_alive_interval, second, 1,
         32767);
  s.time({"tcpUserTimeout", "Time that sent data may stay unacknowledged; 0: the system's default."},
         o.user_timeout, millisecond, 0, 86'400'000);
  s.one_of<bool>(
      {"tproxy", "How traffic reaches a dokodemo-door with followRedirect. tproxy needs CAP_NET_ADMIN."},
      o.transparent, {{"off", false}, {"redirect", false}, {"tproxy", true}});
  return o;
}

using layers = named_readers<registry::transport_reader>;

void add_names(const layers& known, settings::choices<std::string>& to) {
  for (const auto& layer : known.all()) {
    to.emplace_back(layer.name, layer.name);
    for (const std::string_view other : names_beside(layer.name)) to.emplace_back(other, layer.name);
  }
}

/// Null: the name stands for no layer of the registry.
const layers::entry* read_carrier(settings& s, const layers& known) {
  std::string name = "tcp", text;
  settings::choices<std::string> names;
  add_names(known, names);
  const bool chosen = s.one_of<std::string>({"network", "The transport."}, name, names);
  const bool unknown = !chosen && s.has("network") && s.text("network", text) && !text.empty();
  return unknown ? nullptr : known.find(name);
}

/// Null: no encryption.
const layers::entry* read_security(settings& s, const layers& known) {
  std::string name = "none";
  settings::choices<std::string> names{{name, name}};
  add_names(known, names);
  s.one_of<std::string>({"security", "Encryption of the transport."}, name, names);
  return known.find(name);
}

/// Clients write settings of all transports beside the ones that they use.
void note_unused(settings& s, const config_reading& with) {
  std::vector<std::string> names{"kcp", "quic", "http", "ds", "hysteria", "xtls"};
  for (const auto* all : {&with.known.carriers, &with.known.securities})
    for (const auto& layer : all->all()) names.push_back(layer.name);
  for (const std::string& name : names) {
    const std::string key = name + "Settings";
    if (!s.asked(key)) s.pass_over(key, "has no effect: network and security name other parts");
  }
}

/// Reads "NAMESettings" of a layer, or its defaults where they are missing.
transport_plan read_plan(settings& s, const layers::entry& layer, role side, const std::string& server) {
  transport_plan out;
  const std::string key = layer.name + "Settings";
  const auto read = [&](settings& own) { out = layer.read(own, side, server); };
  if (s.has(key))
    s.object(key, read);
  else if (!s.describing())
    settings::read(setting(setting::object()), s.path(key), s.mistakes(), read);
  return out;
}

void describe_layers(settings& s, const layers& known, role side) {
  for (const auto& layer : known.all())
    s.object({layer.name + "Settings", layer.meaning}, [&](settings& own) { layer.read(own, side, {}); });
}

// Sites behind which a server hides speak no HTTP/1 to browsers where they can speak HTTP/2.
void refuse_carrier_over_reality(settings& s, const layers::entry* carrier, const layers::entry* security) {
  if (!carrier || !security || security->name != "reality") return;
  if (carrier->name == "ws" || carrier->name == "httpupgrade")
    s.wrong("network", fmt::format("is '{}'; with security reality it must be raw or grpc", carrier->name));
}

}  // namespace

socket_options read_dial_sockopt(settings& s) {
  socket_options out;
  s.object("streamSettings", [&](settings& stream) {
    stream.object("sockopt", [&](settings& o) { out = read_sockopt(o, out); });
  });
  return out;
}

stream_config read_stream(settings& s, const config_reading& with, role side, const std::string& server) {
  stream_config out;
  out.socket = keepalive_socket();
  const auto read = [&](settings& stream) {
    const auto &carriers = with.known.carriers, &securities = with.known.securities;
    const auto* carrier = read_carrier(stream, carriers);
    const auto* security = read_security(stream, securities);
    if (stream.describing()) {
      describe_layers(stream, carriers, side);
      describe_layers(stream, securities, side);
    }
    refuse_carrier_over_reality(stream, carrier, security);
    if (security) out.security = read_plan(stream, *security, side, server);
    const std::string& name = out.security.server_name.empty() ? server : out.security.server_name;
    if (carrier) out.carrier = read_plan(stream, *carrier, side, name);
    if (out.security.offer) out.security.offer(out.carrier.alpn);
    note_unused(stream, with);
    stream.object({"sockopt", "Options of the socket."}, [&](settings& o) {
      out.socket = read_sockopt(o, out.socket);
      if (side == role::server) read_proxies(o, out);
    });
    if (out.carrier.accepts_proxy_protocol && !out.proxies)
      out.proxies = std::make_shared<const trusted_proxies>();
  };
  s.object({"streamSettings", side == role::server
                                  ? "How bytes travel between clients and this inbound."
                                  : "How bytes travel to the server, for protocols that have one."},
           read);
  return out;
}

}  // namespace muxpro::proxy
