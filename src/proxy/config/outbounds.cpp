#include "../routing/port_set.hpp"
#include "parts.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

namespace {

void read_freedom(settings& s, outbound_config& to) {
  freedom_config f;
  // There is one resolver: to use the system's and to resolve first are the same.
  s.one_of<dial_family>("domainStrategy", f.dial.family,
                        {{"AsIs", dial_family::any},
                         {"UseIP", dial_family::any},
                         {"UseIPv4", dial_family::ipv4},
                         {"UseIPv6", dial_family::ipv6}});
  bool allow = false;
  if (s.flag("allowPrivate", allow)) f.allow_private = allow;
  if (s.text_or_number("refusedUdpPorts", f.refused_udp_ports) && !port_set::parse(f.refused_udp_ports))
    s.wrong("refusedUdpPorts", port_set::allowed);
  to.settings = f;
}

void read_blackhole(settings& s, outbound_config& to) {
  s.object("response", [](settings& r) {
    std::string type;
    r.one_of<std::string>("type", type, {{"none", "none"}});
  });
  to.settings = blackhole_config();
}

// A server's name or address and its port, or the path of its unix socket.
stream_address read_server(settings& s) {
  stream_address server;
  std::string host;
  std::uint16_t port = 0;
  if (s.needs("address", "the server's name or address, or unix:PATH") && s.text("address", host)) {
    if (host.starts_with('/')) host.insert(0, "unix:");
    const auto path = host.starts_with("unix:") ? stream_address::parse(host) : std::nullopt;
    if (path)
      server = *path;
    else
      server.at.host = address(host);
    if (!path && !server.at.host.valid())
      s.wrong("address", fmt::format("is '{}'; it must be a name, an IP address or unix:PATH", shown(host)));
  }
  if (server.is_unix()) {
    s.refuse("port", "is there; a unix socket has none");
  } else if (s.needs("port", "a whole number from 1 to 65535")) {
    s.number<std::uint16_t>("port", port, 1);
  }
  server.at.port = port;
  return server;
}

void read_mux_pro(settings& s, outbound_config& to) {
  mux_config m;
  m.server = read_server(s);
  to.settings = std::move(m);
}

void read_socks_user(settings& u, socks_server_config& to) {
  socks_credentials c;
  u.needs("user", "the name of a user");
  u.needs("pass", "the user's password");
  const bool named = u.text("user", c.user), has_secret = u.secret("pass", c.secret);
  if (named && has_secret && !c.valid()) u.wrong("must have 1 to 255 bytes in user and pass");
  to.credentials = std::move(c);
}

// As V2Ray has it: a list of servers with a list of users each, and one of each.
void read_socks_server(settings& s, outbound_config& to) {
  socks_server_config c;
  if (!s.needs("servers", "a list of one object")) return;
  bool some = false;
  const bool is_list = s.objects("servers", [&](settings& server, std::size_t n) {
    some = true;
    if (n > 0) server.wrong("is one too many: there is one server for each outbound; balancers have several");
    c.server = read_server(server);
    server.objects("users", [&](settings& u, std::size_t m) {
      if (m > 0) u.wrong("is one too many: there is one user for each outbound");
      read_socks_user(u, c);
    });
  });
  if (is_list && !some) s.wrong("servers", "is empty; it must have one object");
  to.settings = std::move(c);
}

const stream_address* server_of(const outbound_settings& o) {
  if (const auto* m = std::get_if<mux_config>(&o)) return &m->server;
  if (const auto* c = std::get_if<socks_server_config>(&o)) return &c->server;
  return nullptr;
}

struct protocol {
  std::string_view name;
  /// Reads "settings".
  void (*read)(settings& s, outbound_config& to);
};
constexpr protocol protocols[] = {
    {"freedom", read_freedom},
    {"blackhole", read_blackhole},
    {"mux.pro", read_mux_pro},
    {"socks", read_socks_server},
};

mux_use* mux_of(outbound_settings& o, bool enabled) {
  if (auto* m = std::get_if<mux_config>(&o)) return m;
  auto* socks = std::get_if<socks_server_config>(&o);
  return socks && enabled ? &socks->mux.emplace() : nullptr;
}

void read_mux(settings& s, outbound_config& to) {
  const bool always = std::holds_alternative<mux_config>(to.settings);
  client_pool_options pool = mux_use().pool;
  bool enabled = always;
  std::string protocol = "mux.pro";
  s.flag("enabled", enabled);
  s.one_of<std::string>("protocol", protocol, {{"mux.pro", "mux.pro"}});
  s.number<std::uint32_t>("concurrency", pool.max_concurrency, 1, 65535);
  s.number<std::uint32_t>("maxConnections", pool.max_connections, 1, 65535);
  std::uint8_t priority = 0;
  s.number<std::uint8_t>("priority", priority, 0);
  mux_use* const mux = mux_of(to.settings, enabled);
  if (always && !enabled)
    s.wrong("enabled",
            "is false; it must be true: nothing else goes to a mux.pro server, and concurrency 1 "
            "gives each connection a main connection of its own");
  if (!mux && enabled && !to.protocol.empty())
    s.wrong("enabled",
            fmt::format("is true; it must be false: {} leads to no server that takes main connections",
                        shown(to.protocol)));
  if (!mux) return;
  mux->pool = pool;
  mux->priority = priority;
}

}  // namespace

outbound_config read_outbound(settings& s, const config_reading& with) {
  outbound_config to;
  read_protocol(s, protocols, to.protocol, [&](const protocol& p, settings& own) { p.read(own, to); });
  to.tag = to.protocol;
  s.text("tag", to.tag);
  const stream_address* const server = server_of(to.settings);
  const std::string host = server && !server->is_unix() ? server->at.host.to_string() : std::string();
  if (!server && !to.protocol.empty() && s.has("streamSettings"))
    s.wrong("streamSettings", fmt::format("is there; {} has no transport", shown(to.protocol)));
  else
    to.stream = read_stream(s, with, role::client, host);
  s.object("mux", [&](settings& m) { read_mux(m, to); });
  return to;
}

}  // namespace muxpro::proxy
