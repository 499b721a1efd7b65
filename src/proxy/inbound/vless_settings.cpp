// The configuration of inbounds of protocol vless.
#include "proxy/config/user_id.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/keyed.hpp"
#include "proxy/inbound/settings.hpp"
#include "proxy/vless/packets.hpp"
#include "proxy/vless/request.hpp"
#include "proxy/vless/settings.hpp"

#include <string>
#include <utility>

namespace muxpro::proxy {

const keyed_protocol& vless() {
  static const keyed_protocol p{
      "vless", read_vless_request, vless_response, {read_vless_packet, append_vless_packet, false}};
  return p;
}

namespace {

void read_vless_user(settings& u, bool flow_of_all, user_names& names, accounts& to) {
  const auto id = read_user_id(u);
  const bool vision = read_vless_flow(u, flow_of_all);
  user_account user = names.read(u, id ? to_string(*id).substr(0, 8) : std::string());
  user.vision = vision;
  if (!id) return;
  const std::string key = vless_key(*id);
  if (to.check_key(key))
    u.wrong("id", "is that of another user, but for the bytes that all users may choose");
  to.add_key(std::move(user), key);
}

void read_vless(settings& s, const inbound_policy& policy, inbound_plan& to) {
  keyed_inbound_options o(vless());
  require_no_vless_encryption(s, {"decryption", "Must be none: TLS encrypts."});
  const bool vision = read_vless_flow(s);
  user_names names(policy);
  read_keyed_users(s, [&](settings& u) { read_vless_user(u, vision, names, o.users); });
  read_keyed_options(s, policy, o);
  to = plan_of(o);
}

}  // namespace

void add_vless_inbound(registry& to) {
  to.inbounds.add("vless",
                  "VLESS version 0: connections and datagrams of users who prove themselves by a UUID.",
                  read_vless);
}

}  // namespace muxpro::proxy
