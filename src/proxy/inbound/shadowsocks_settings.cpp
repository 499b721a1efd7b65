// The configuration of inbounds of protocol shadowsocks.
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/settings.hpp"
#include "proxy/inbound/shadowsocks.hpp"
#include "proxy/shadowsocks/settings.hpp"

#include <fmt/format.h>

#include <memory>
#include <set>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

struct shadowsocks_users {
  explicit shadowsocks_users(const inbound_policy& policy) : names(policy) {}

  user_names names;
  accounts all;
  std::set<std::string> taken;  ///< keys as texts
};

std::string text_of_key(const shadowsocks_key& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

/// Of an inbound, or of the first user, where older configurations have it.
void read_user_method(settings& u, const shadowsocks_method*& m) {
  if (!m) {
    m = read_shadowsocks_method(u);
    return;
  }
  std::string own;
  u.text({"method", "That of the inbound or of the first user: all have the same."}, own);
  if (!own.empty() && find_shadowsocks_method(own) != m)
    u.wrong("method", fmt::format("is '{}'; others have {}, and all have the same", sanitized(own), m->name));
}

void read_shadowsocks_user(settings& u, const shadowsocks_method*& m, shadowsocks_users& to) {
  u.refuse("address", "is not supported; muxpro does not pass users on to other Shadowsocks servers");
  read_user_method(u, m);
  const auto keys = read_shadowsocks_keys(u, m, 1);
  user_account user = to.names.read(u, fmt::format("user {}", to.all.size() + 1));
  if (keys.empty()) return;
  if (!to.taken.insert(text_of_key(keys.front())).second) u.wrong("password", "is that of another user");
  to.all.add_tried(std::move(user), text_of_key(keys.front()));
}

/// Returns the key of the inbound, which is that of its only user, or of a server of 2022 with several users.
/// Those are in `to`.
shadowsocks_key read_server_key(settings& s, const shadowsocks_method* m, shadowsocks_users& to) {
  const auto keys = read_shadowsocks_keys(s, m, 1);
  user_account user = to.names.read(s, "shadowsocks");
  if (keys.empty()) return {};
  if (!to.all.empty()) return keys.front();
  to.all.add_tried(std::move(user), text_of_key(keys.front()));
  return {};
}

void read_shadowsocks(settings& s, const inbound_policy& policy, inbound_plan& to) {
  const bool listed = s.has("clients");
  const shadowsocks_method* m = nullptr;
  if (!listed || s.has("method")) m = read_shadowsocks_method(s);
  shadowsocks_users users(policy);
  bool any = false;
  read_keyed_users(s, [&](settings& u) {
    any = true;
    read_shadowsocks_user(u, m, users);
  });
  const bool has_none = listed && !any;
  if (has_none && !s.has("method")) m = find_shadowsocks_method(method_of_later_users);
  const bool has_key = !listed || (m && m->of_2022);
  if (has_none && !has_key) s.note("clients", "is empty: no client is let in before the API adds users");
  shadowsocks_key server_key;
  if (has_key) server_key = read_server_key(s, m, users);
  if (!server_key.empty() && !m->has_blocks())
    s.wrong("clients", fmt::format("has users, which {} does not have: it has one key", m->name));
  shadowsocks_inbound_options o;
  o.handshake = policy.handshake;
  o.relay = policy.relay;
  o.main_connections = read_main_connections(s, policy, true);
  if (m) {
    o.server = std::make_shared<const shadowsocks_server>(*m, users.all, std::move(server_key));
    to = plan_of(o);
  }
  read_networks(s, to);
}

}  // namespace

void add_shadowsocks_inbound(registry& to) {
  to.inbounds.add(
      "shadowsocks",
      "Shadowsocks, SIP004 (AEAD) and SIP022 (2022): connections and datagrams of users who prove "
      "themselves by a password or a key.",
      read_shadowsocks);
}

}  // namespace muxpro::proxy
