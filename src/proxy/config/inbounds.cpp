#include "parts.hpp"

#include <fmt/format.h>

#include <tuple>
#include <utility>

namespace muxpro::proxy {

namespace {

void read_accounts(settings& s, accounts& to) {
  constexpr std::size_t most = 100'000;
  const auto account = [&](settings& a, std::size_t) {
    std::string user, secret;
    a.needs("user", "the name of a user");
    a.needs("pass", "the user's password");
    const bool named = a.text("user", user), has_secret = a.secret("pass", secret);
    if (named && (user.empty() || user.size() > 255)) a.wrong("user", "must have 1 to 255 bytes");
    if (has_secret && (secret.empty() || secret.size() > 255)) a.wrong("pass", "must have 1 to 255 bytes");
    to.add(user, secret);
  };
  s.objects("accounts", account, most);
}

mux_inbound_options mux_options(const policy_level& policy) {
  mux_inbound_options o;
  o.session.negotiate_timeout = policy.handshake;
  o.relay.idle = policy.relay.idle;
  o.relay.buffer = policy.relay.buffer;
  return o;
}

void read_main_connections(settings& s, const policy_level& policy, inbound_config& to) {
  bool allowed = false;
  if (s.flag("mainConnections", allowed) && allowed) to.inside = mux_options(policy);
}

socks_inbound_options socks_options(settings& s, const policy_level& policy, inbound_config& to) {
  socks_inbound_options o;
  o.handshake = policy.handshake;
  o.relay = policy.relay;
  read_accounts(s, o.users);
  const bool somebody = !o.users.empty();
  bool asks = somebody;
  s.one_of<bool>("auth", asks, {{"noauth", false}, {"password", true}});
  if (asks && !somebody) s.wrong("auth", "is 'password', and there are no accounts");
  if (!asks && somebody) s.wrong("auth", "is 'noauth', and there are accounts that nobody would ask for");
  o.udp = false;  // as Xray has it
  s.flag("udp", o.udp);
  read_main_connections(s, policy, to);
  to.asks_for_users = asks;
  return o;
}

void read_socks(settings& s, const policy_level& policy, inbound_config& to) {
  to.settings = socks_options(s, policy, to);
}

void read_mixed(settings& s, const policy_level& policy, inbound_config& to) {
  to.settings = mixed_config{socks_options(s, policy, to)};
}

void read_http(settings& s, const policy_level& policy, inbound_config& to) {
  http_inbound_options o;
  o.handshake = policy.handshake;
  o.relay = policy.relay;
  read_accounts(s, o.users);
  read_main_connections(s, policy, to);
  to.asks_for_users = !o.users.empty();
  to.settings = std::move(o);
}

void read_mux_pro(settings&, const policy_level& policy, inbound_config& to) {
  to.settings = mux_options(policy);
}

void read_networks(settings& s, inbound_config& to) {
  using networks = std::pair<bool, bool>;
  networks for_tcp_udp{to.tcp, to.udp};
  s.one_of<networks>("network", for_tcp_udp,
                     {{"tcp", {true, false}}, {"udp", {false, true}}, {"tcp,udp", {true, true}}});
  std::tie(to.tcp, to.udp) = for_tcp_udp;
}

void read_dokodemo(settings& s, const policy_level& policy, inbound_config& to) {
  dokodemo_inbound_options o;
  o.relay = policy.relay;
  s.flag("followRedirect", o.follow_redirect);
  std::string host;
  std::uint16_t port = 0;
  const bool named = s.text("address", host), numbered = s.number<std::uint16_t>("port", port, 1);
  if (named != numbered) s.wrong("must have both address and port, or neither");
  if (named && numbered) o.target.emplace(address(host), port);
  if (o.target && !o.target->host.valid())
    s.wrong("address", fmt::format("is '{}'; it must be a name or an IP address", shown(host)));
  if (!named && !numbered && !o.follow_redirect)
    s.needs("address", "the one place to go to, unless followRedirect is true");
  read_networks(s, to);
  to.one_target = !o.follow_redirect;
  to.settings = std::move(o);
}

void read_dns(settings& s, const policy_level& policy, inbound_config& to) {
  dns_inbound_options o;
  o.relay = policy.relay;
  to.udp = true;
  read_networks(s, to);
  to.one_target = true;
  to.settings = std::move(o);
}

struct protocol {
  std::string_view name;
  /// Reads "settings".
  void (*read)(settings& s, const policy_level& policy, inbound_config& to);
};
constexpr protocol protocols[] = {
    {"socks", read_socks},
    {"http", read_http},
    {"mixed", read_mixed},
    {"mux.pro", read_mux_pro},
    {"dokodemo-door", read_dokodemo},
    {"dns", read_dns},
};

// An IP address and a port, or the path of a unix socket.
void read_place(settings& s, inbound_config& to) {
  std::string listen = "0.0.0.0";
  std::uint16_t port = 0;
  s.text("listen", listen);
  if (listen.starts_with('/')) listen.insert(0, "unix:");
  if (listen.starts_with("unix:")) {
    const auto path = stream_address::parse(listen);
    if (!path) s.wrong("listen", fmt::format("is '{}'; a path must have 1 to 107 bytes", shown(listen)));
    if (path) to.at = unix_endpoint(path->path);
    s.refuse("port", "is there; a unix socket has none");
    return;
  }
  if (s.needs("port", "a whole number from 0 to 65535")) s.number<std::uint16_t>("port", port, 0);
  std::error_code bad;
  const auto host = asio::ip::make_address(listen, bad);
  if (bad)
    s.wrong("listen", fmt::format("is '{}'; it must be an IP address or unix:PATH", shown(listen)));
  else
    to.at = asio::ip::tcp::endpoint(host, port);
}

}  // namespace

inbound_config read_inbound(settings& s, config_reading& with) {
  inbound_config to;
  const std::size_t before = s.mistakes().count();
  read_protocol(s, protocols, to.protocol, [&](const protocol& p, settings& own) {
    std::uint32_t level = 0;
    own.number<std::uint32_t>("userLevel", level, 0, 65535);
    const policy_level& policy = with.policies.use(level);
    to.link_capacity = policy.link_capacity();
    p.read(own, policy, to);
  });
  to.tag = to.protocol;
  s.text("tag", to.tag);
  read_place(s, to);
  to.stream = read_stream(s, with, role::server, {});
  if (to.udp && is_unix(to.at)) s.wrong("listen", "is a unix socket, and there is no UDP on one");
  if (const auto* o = std::get_if<dokodemo_inbound_options>(&to.settings);
      o && to.udp && !o->target && !to.stream.socket.transparent)
    s.wrong("settings.network",
            "has udp, which needs address and port, or sockopt with tproxy: REDIRECT does "
            "not say where datagrams were sent to");
  if (std::holds_alternative<dns_inbound_options>(to.settings))
    s.refuse("sniffing", "is there; queries are answered, whatever is in them");
  s.object("sniffing", [&](settings& o) { to.sniffing = read_sniffing(o, with.geo); });
  bool open_to_all = false;
  s.flag("openToAll", open_to_all);
  const bool asks = to.asks_for_users || to.stream.transport.authenticates || to.one_target;
  if (s.mistakes().count() == before && reaches_others(to.at) && !asks && !open_to_all)
    s.wrong("listen",
            fmt::format("is '{}' without accounts or client certificates: anybody who reaches it could "
                        "use it; \"openToAll\": true allows that",
                        to_tcp(to.at).address().to_string()));
  return to;
}

}  // namespace muxpro::proxy
