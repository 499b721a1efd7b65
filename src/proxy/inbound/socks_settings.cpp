// The configuration of inbounds of protocols socks and mixed.
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/mixed.hpp"
#include "proxy/inbound/settings.hpp"
#include "proxy/inbound/socks.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

namespace {

void read_told_address(settings& s, socks_inbound_options& to) {
  std::string text;
  const setting_key key{"ip",
                        "The IP address in replies to UDP ASSOCIATE, for a server behind a one-to-one NAT. "
                        "Without it, or with 0.0.0.0: the address that the client has connected to."};
  if (!s.text(key, text)) return;
  std::error_code bad;
  const auto ip = asio::ip::make_address(text, bad);
  if (bad)
    s.wrong("ip", fmt::format("is '{}'; it must be the IP address that clients send datagrams to",
                              sanitized(text)));
  else if (!ip.is_unspecified())
    to.udp_address = ip;
}

void read_authentication(settings& s, const policy_level& policy, accounts& users) {
  read_accounts(s, policy, users);
  const bool has_users = !users.empty();
  bool asks = has_users;
  s.one_of<bool>({"auth", "Whether clients need a password. With accounts the default is password."}, asks,
                 {{"noauth", false}, {"password", true}});
  if (asks && !has_users) s.wrong("auth", "is 'password', and there are no accounts");
  if (has_users && !s.has("auth"))
    s.note("auth",
           "is left out, and there are accounts: clients need a password, whereas Xray asks for none");
  if (asks || !has_users) return;
  s.note("auth", "is 'noauth': the accounts have no effect");
  users = accounts();
}

socks_inbound_options read_options(settings& s, const policy_level& policy) {
  socks_inbound_options o;
  o.handshake = policy.handshake;
  o.relay = policy.relay;
  read_authentication(s, policy, o.users);
  o.udp = false;  // the default of Xray
  s.flag({"udp",
          "Whether UDP ASSOCIATE is accepted. It is refused anyway if the rules lead the client's datagrams "
          "to no outbound that carries them."},
         o.udp);
  read_told_address(s, o);
  o.main_connections = read_main_connections(s, policy);
  return o;
}

void read_mixed(settings& s, const policy_level& policy, inbound_plan& to) {
  mixed_inbound_options o(read_options(s, policy));
  read_head_limits(s, o.head);
  to = plan_of(o);
}

template <class Inbound, class Options>
inbound_plan plan_with_users(const Options& o) {
  inbound_plan out;
  out.users = std::make_shared<accounts>(o.users);
  out.authenticates = !o.users.empty();
  out.associates = o.udp;
  out.carries_datagrams = o.main_connections != nullptr;
  plan<Inbound>(out, o);
  return out;
}

}  // namespace

inbound_plan plan_of(const socks_inbound_options& o) { return plan_with_users<socks_inbound>(o); }
inbound_plan plan_of(const mixed_inbound_options& o) { return plan_with_users<mixed_inbound>(o); }

void add_socks_inbound(registry& to) {
  to.inbounds.add("socks", "SOCKS 4, 4a and 5, and HTTP, on one port. See protocol http.", read_mixed);
}

void add_mixed_inbound(registry& to) { to.inbounds.add("mixed", "Another name of socks.", read_mixed); }

}  // namespace muxpro::proxy
