// The configuration of inbounds of protocol vmess.
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/settings.hpp"
#include "proxy/inbound/vmess.hpp"
#include "proxy/vless/packets.hpp"
#include "proxy/vmess/settings.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <utility>

namespace muxpro::proxy {

const keyed_protocol& vmess() {
  static const keyed_protocol p{"vmess", nullptr, {}, {read_vless_packet, append_vless_packet, false}};
  return p;
}

namespace {

void accept_without_effect(settings& s, const setting_key& key) {
  std::string text;
  s.text(key, text);
}

void read_vmess_user(settings& u, user_names& names, std::set<uuid>& taken, accounts& to) {
  const auto id = read_vmess_id(u);
  accept_without_effect(u, {"security", "Accepted from Xray's configurations: the client chooses."});
  accept_without_effect(u, {"experiments", "Accepted from Xray's configurations, without effect."});
  accept_without_effect(u, {"testsEnabled", "Accepted from V2Ray's configurations, without effect."});
  user_account user = names.read(u, id ? to_string(*id).substr(0, 8) : std::string());
  if (!id) return;
  if (!taken.insert(*id).second) u.wrong("id", "is that of another user");
  to.add_tried(std::move(user), vmess_user(*id).stored());
}

// Users that are added while the server runs are V2Ray's.
void accept_default(settings& s) {
  s.object({"default", "Accepted from V2Ray's configurations, without effect."}, [](settings& d) {
    std::uint32_t number = 0;
    d.number<std::uint32_t>({"level", "Accepted, without effect."}, number, 0, 65535);
    d.number<std::uint32_t>({"alterId", "Accepted, without effect."}, number, 0, 65535);
  });
}

void read_vmess(settings& s, const inbound_policy& policy, inbound_plan& to) {
  vmess_inbound_options o;
  user_names names(policy);
  std::set<uuid> taken;
  read_keyed_users(s, [&](settings& u) { read_vmess_user(u, names, taken, o.keyed.users); });
  s.flag({"disableInsecureEncryption", "Refuses clients whose security is none or zero."}, o.encrypted_only);
  accept_default(s);
  o.keyed.handshake = policy.handshake;
  o.keyed.relay = policy.relay;
  o.keyed.main_connections = read_main_connections(s, policy, true);
  to = plan_of(o);
}

}  // namespace

void add_vmess_inbound(registry& to) {
  to.inbounds.add("vmess",
                  "VMess with authenticated heads (alterId 0): connections and datagrams of users who prove "
                  "themselves by a UUID.",
                  read_vmess);
}

}  // namespace muxpro::proxy
