#include "proxy/inbound/settings.hpp"

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

namespace muxpro::proxy {

void read_accounts(settings& s, const policy_level& policy, accounts& to) {
  constexpr std::size_t most = 100'000;
  std::set<std::string> taken;
  const auto account = [&](settings& a, std::size_t) {
    std::string user, secret;
    a.needs("user", "the name of a user");
    a.needs("pass", "the user's password");
    const bool named = a.text({"user", "The name, 1 to 255 bytes. Logs and rules show it."}, user);
    const bool has_secret = a.secret({"pass", "The password, 1 to 255 bytes. No message shows it."}, secret);
    if (named && (user.empty() || user.size() > 255)) a.wrong("user", "must have 1 to 255 bytes");
    if (named && !taken.insert(user).second)
      a.wrong("user", fmt::format("is '{}', which another account has", sanitized(user)));
    if (has_secret && (secret.empty() || secret.size() > 255)) a.wrong("pass", "must have 1 to 255 bytes");
    if (!s.describing()) to.add(policy.user(user), secret);
  };
  s.objects({"accounts", "Users who may connect. Without accounts the inbound asks for no password."},
            account, most);
}

void read_head_limits(settings& s, http_head_limits& to) {
  s.number<std::size_t>(
      {"maxHeaderBytes", "The longest head of a request (else 431) or of an answer (else 502), in bytes."},
      to.bytes, 1024, 1024 * 1024);
  s.number<std::size_t>({"maxHeaderFields", "The most fields in the head of a request or an answer."},
                        to.fields, 16, 10'000);
}

void read_networks(settings& s, inbound_plan& to) {
  std::vector<std::string> names;
  if (to.tcp) names.emplace_back("tcp");
  if (to.udp) names.emplace_back("udp");
  if (!s.texts({"network", "What the inbound listens for: tcp, udp or both."}, names) || names.empty())
    return;
  to.tcp = to.udp = false;
  for (const std::string& name : names) {
    to.tcp |= same_word(name, "tcp");
    to.udp |= same_word(name, "udp");
    if (!same_word(name, "tcp") && !same_word(name, "udp")) s.not_one_of("network", name, {"tcp", "udp"});
  }
}

mux_inbound_options mux_options_of(const policy_level& policy) {
  mux_inbound_options o;
  o.session.negotiate_timeout = policy.handshake;
  o.relay.idle = policy.relay.idle;
  o.relay.buffer = policy.relay.buffer;
  return o;
}

std::shared_ptr<const mux_inbound> read_main_connections(settings& s, const policy_level& policy,
                                                         bool allowed) {
  s.flag(
      {"mainConnections",
       "Whether a connection to the target mux.pro:9527 (Mux.Pro) or v1.mux.cool:9527 (Mux.Cool of V2Ray and "
       "Xray) is a main connection: its sub-streams go through the rules. Otherwise that target is a host "
       "like any other."},
      allowed);
  return allowed ? std::make_shared<const mux_inbound>(mux_options_of(policy)) : nullptr;
}

}  // namespace muxpro::proxy
