#include "proxy/config/readers.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

namespace {

void check_datagrams(settings& s, const inbound_config& to) {
  if (to.plan.udp && is_unix(to.at)) s.wrong("listen", "is a unix socket, which carries no UDP");
  if (to.plan.udp && to.plan.datagrams_need_tproxy && !to.stream.socket.transparent)
    s.wrong("settings.network",
            "has udp, which needs address and port, or sockopt with tproxy: REDIRECT does not keep the "
            "destination of datagrams");
}

void check_exposure(settings& s, const inbound_config& to) {
  if (!is_reachable_remotely(to.at) || to.may_be_open || to.plan.one_target) return;
  s.wrong("listen",
          fmt::format("is '{}' without accounts or client certificates, and every client that reaches it "
                      "could use it; \"listen\": \"127.0.0.1\" serves this machine alone, accounts let users "
                      "in, and \"openToAll\": true lets everyone in",
                      to_tcp(to.at).address().to_string()));
}

}  // namespace

inbound_config read_inbound(settings& s, config_reading& with) {
  inbound_config to;
  const std::size_t before = s.mistakes().count();
  to.known = read_protocol(s, with.known.inbounds, to.protocol, [&](const auto& p, settings& own) {
    std::uint32_t level = 0;
    own.number<std::uint32_t>(
        {"userLevel", "The level in policy.levels whose timers, buffers and rates hold here."}, level, 0,
        65535);
    const auto of = [&](std::uint32_t n) -> const policy_level& { return with.policies.use(n); };
    const inbound_policy policy{of(level), of};
    to.anonymous = policy.user();
    p.read(own, policy, to.plan);
  });
  to.tag = to.protocol;
  s.text({"tag", "The inbound's name in rules, logs and counters; default: the protocol."}, to.tag);
  bool open_to_all = false;
  s.flag({"openToAll",
          "Allows an address that other machines can reach without accounts or client certificates."},
         open_to_all);
  to.stream = read_stream(s, with, role::server, {});
  const bool asks = to.plan.authenticates || to.stream.authenticates();
  to.may_be_open = asks || open_to_all || to.plan.original_target || to.stream.socket.transparent;
  read_place(s, to, with);
  check_datagrams(s, to);
  if (!to.plan.sniffs)
    s.refuse("sniffing", fmt::format("is not allowed; protocol {} does not sniff", to.protocol));
  s.object(
      {"sniffing",
       "Reading the target's name or the protocol from a connection's first bytes. Not for protocol dns."},
      [&](settings& o) { to.sniffing = read_sniffing(o, with.geo); });
  if (s.mistakes().count() == before) check_exposure(s, to);
  return to;
}

}  // namespace muxpro::proxy
