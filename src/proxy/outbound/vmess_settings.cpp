// The configuration of outbounds of protocol vmess.
#include "proxy/base/text.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/net/wall_clock.hpp"
#include "proxy/outbound/keyed.hpp"
#include "proxy/outbound/settings.hpp"
#include "proxy/vless/packets.hpp"
#include "proxy/vmess/client.hpp"
#include "proxy/vmess/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

using cipher = vmess_account::cipher;

// Names with '|' between them, as Xray has them.
void read_experiments(settings& u, std::string_view key, vmess_account& to) {
  std::string names;
  u.text({key,
          "AuthenticatedLength: lengths of chunks are sealed. NoTerminationSignal: no chunk ends a "
          "direction. With '|' between them. Others have no effect."},
         names);
  to.authenticated_lengths |= names.find("AuthenticatedLength") != std::string::npos;
  if (names.find("NoTerminationSignal") != std::string::npos) to.sends_end = false;
}

/// In Xray any other name means auto.
void read_vmess_security(settings& u, cipher& to) {
  const settings::choices<cipher> all{{"auto", to},
                                      {"aes-128-gcm", cipher::aes_128_gcm},
                                      {"chacha20-poly1305", cipher::chacha20_poly1305},
                                      {"none", cipher::none},
                                      {"zero", cipher::zero}};
  const setting_key key{
      "security",
      "How the connection is encrypted: auto, aes-128-gcm, chacha20-poly1305; none and zero: "
      "not at all, and current Xray servers refuse both. Other names mean auto."};
  std::string name;
  if (!u.text(key, name) || name.empty()) return;
  const auto is_it = [&](const auto& one) { return same_word(one.first, name); };
  const auto found = std::find_if(all.begin(), all.end(), is_it);
  if (found != all.end())
    to = found->second;
  else
    u.note(key.name, fmt::format("is '{}', which means auto, as in Xray", sanitized(name)));
}

vmess_account read_vmess_user(settings& u) {
  vmess_account out;
  if (const auto id = read_vmess_id(u)) out.keys = vmess_user(*id);
  const cipher automatic = vmess_cipher_for_this_machine();
  out.security = automatic;
  read_vmess_security(u, out.security);
  read_experiments(u, "experiments", out);
  read_experiments(u, "testsEnabled", out);
  accept_user_keys(u);
  return out;
}

void read_vmess_server(settings& s, outbound_plan& to) {
  stream_address server;
  vmess_account account;
  const auto listed = [&](settings& one) {
    server = read_server(one);
    if (one.needs("users", "a list of one object"))
      read_only_object(one, {"users", "The one user."}, "an outbound has one user",
                       [&](settings& u) { account = read_vmess_user(u); });
  };
  if (!read_listed_server(s, "vnext", listed)) {
    server = read_server(s);
    account = read_vmess_user(s);
  }
  keyed_outbound_options o;
  o.chunks = [account](const destination& target) {
    return vmess_client_codecs(account, target, wall_clock().time_since_epoch().count());
  };
  o.framing = {read_vless_packet, append_vless_packet, false};
  to = keyed_plan(std::move(server), std::move(o));
  to.in_clear = false;
  if (account.security == cipher::none || account.security == cipher::zero)
    to.note = fmt::format("security {} encrypts nothing, and current Xray servers refuse it",
                          account.security == cipher::none ? "none" : "zero");
}

}  // namespace

void add_vmess_outbound(registry& to) {
  to.outbounds.add(
      "vmess",
      "A VMess server with authenticated heads (alterId 0). Datagrams of a client's socket go to the target "
      "of its first one.",
      read_vmess_server);
}

}  // namespace muxpro::proxy
