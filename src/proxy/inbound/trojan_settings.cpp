// The configuration of inbounds of protocol trojan.
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/keyed.hpp"
#include "proxy/inbound/settings.hpp"
#include "proxy/trojan/packets.hpp"
#include "proxy/trojan/request.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace muxpro::proxy {

const keyed_protocol& trojan() {
  static const keyed_protocol p{
      "trojan", read_trojan_request, {}, {read_trojan_packet, append_trojan_packet, true}};
  return p;
}

namespace {

void read_trojan_user(settings& u, user_names& names, accounts& to) {
  std::string password;
  u.needs("password", "the user's password");
  const bool there = u.secret({"password", "The password. No message shows it."}, password);
  user_account user = names.read(u, fmt::format("user {}", to.size() + 1));
  if (there && password.empty()) u.wrong("password", "must not be empty");
  const std::string key = trojan_key(password);
  if (there && to.check_key(key)) u.wrong("password", "is that of another user");
  if (there) to.add_key(std::move(user), key);
}

void read_trojan(settings& s, const inbound_policy& policy, inbound_plan& to) {
  keyed_inbound_options o(trojan());
  user_names names(policy);
  read_keyed_users(s, [&](settings& u) { read_trojan_user(u, names, o.users); });
  read_keyed_options(s, policy, o);
  to = plan_of(o);
}

}  // namespace

void add_trojan_inbound(registry& to) {
  to.inbounds.add("trojan", "Trojan: connections and datagrams of users who prove themselves by a password.",
                  read_trojan);
}

}  // namespace muxpro::proxy
