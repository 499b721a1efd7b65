// Settings that the inbounds whose clients send a key have in common.
#include "proxy/base/text.hpp"
#include "proxy/inbound/keyed.hpp"
#include "proxy/inbound/settings.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

user_account user_names::read(settings& u, std::string otherwise) {
  std::string email;
  std::uint32_t level = 0;
  u.text({"email", "The user's name in rules, logs and counters. No two users of an inbound have the same."},
         email);
  u.number<std::uint32_t>(
      {"level", "The level in policy.levels whose timers, buffers and rates the user has."}, level, 0, 65535);
  if (email.size() > 255) u.wrong("email", "must have at most 255 bytes");
  if (!email.empty() && !taken_.insert(lower_case(email)).second)
    u.wrong("email", fmt::format("is '{}', which another user has; cases do not differ", sanitized(email)));
  return account(email.empty() ? std::move(otherwise) : std::move(email), level);
}

user_account user_names::account(std::string name, std::uint32_t level) {
  const policy_level& policy = policy_.of(level);
  auto& relay = relays_[level];
  if (!relay) relay = std::make_shared<const relay_options>(policy.relay);
  user_account out = policy.user(std::move(name));
  out.relay = relay;
  return out;
}

void read_keyed_users(settings& s, const std::function<void(settings&)>& read) {
  constexpr std::size_t most = 100'000;
  s.objects(
      {"clients", "Who may connect."}, [&](settings& u, std::size_t) { read(u); }, most);
}

namespace {

/// A port of this machine, HOST:PORT, or the path of a unix socket.
std::optional<stream_address> server_of(std::string_view text) {
  if (const auto port = number<std::uint16_t>(text)) return stream_address(host_port("localhost", *port));
  if (text.starts_with('/') || text.starts_with('@')) return stream_address::unix_path(text);
  return stream_address::parse(text);
}

fallback read_fallback(settings& s) {
  fallback f;
  s.text({"name", "The name that the client's TLS asks for, or a part of it. Empty: any."}, f.name);
  s.text({"alpn", "The protocol that TLS has agreed on. Empty: any."}, f.alpn);
  const setting_key path{"path", "The path of the client's HTTP/1 request, with its '/'. Empty: any."};
  if (s.text(path, f.path) && !f.path.empty() && f.path.front() != '/')
    s.wrong("path", fmt::format("is '{}'; it must begin with '/'", sanitized(f.path)));
  std::string type, where;
  s.text({"type", "Accepted from Xray's configurations, without effect: dest determines the type."}, type);
  s.number<unsigned>({"xver", "The version of PROXY protocol's header for the server; 0: no header."},
                     f.proxy_header, 0, 2);
  s.needs("dest", "a port of this machine, HOST:PORT, or the path of a unix socket");
  if (!s.text_or_number(
          {"dest", "The server: a port of this machine, HOST:PORT, or the path of a unix socket."}, where))
    return f;
  const auto server = server_of(where);
  if (server && (server->is_unix() || server->at.port != 0))
    f.to = *server;
  else
    s.wrong("dest", fmt::format("is '{}'; it must be a port, HOST:PORT, or the path of a unix socket",
                                sanitized(where)));
  return f;
}

}  // namespace

void read_keyed_options(settings& s, const policy_level& policy, keyed_inbound_options& to) {
  to.handshake = policy.handshake;
  to.relay = policy.relay;
  to.main_connections = read_main_connections(s, policy, true);
  std::vector<fallback> all;
  s.objects({"fallbacks",
             "Servers for clients that do not speak the protocol, or are no users: chosen by name, then "
             "alpn, then path. "
             "Without one for it, such a connection is closed."},
            [&](settings& f, std::size_t) { all.push_back(read_fallback(f)); });
  if (!all.empty()) to.fallbacks = std::make_shared<const fallback_servers>(std::move(all), policy.relay);
}

inbound_plan plan_of(const keyed_inbound_options& o) {
  inbound_plan out;
  out.users = std::make_shared<accounts>(o.users);
  out.authenticates = out.carries_datagrams = true;
  plan<keyed_inbound>(out, o);
  return out;
}

}  // namespace muxpro::proxy
