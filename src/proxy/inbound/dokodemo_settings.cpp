// The configuration of inbounds of protocol dokodemo-door.
#include "proxy/base/text.hpp"
#include "proxy/config/redirect.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/dokodemo.hpp"
#include "proxy/inbound/settings.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <variant>

namespace muxpro::proxy {

namespace {

void read_port_map(settings& s, dokodemo_inbound_options& to) {
  s.each({"portMap",
          "Targets by the ports that clients have connected to: PORT to HOST:PORT, of which each part may be "
          "left out."},
         [&](const std::string& name, const setting& value, const std::string& path) {
           const auto from = number<std::uint16_t>(name);
           const auto* text = std::get_if<std::string>(&value.is);
           const auto there = text ? parse_redirect(*text) : std::nullopt;
           if (from && there)
             to.by_port.emplace(*from, *there);
           else
             s.mistakes().add(path, "must be a port, and HOST:PORT as a text");
         });
}

void read_dokodemo(settings& s, const policy_level& policy, inbound_plan& to) {
  dokodemo_inbound_options o;
  o.relay = policy.relay;
  s.flag({"followRedirect",
          "Whether a client's original target is used: connections redirected by REDIRECT, or by TPROXY with "
          "sockopt.tproxy, which datagrams need. On 0.0.0.0 or [::] answers to datagrams come from the "
          "address that the client has sent to."},
         o.follow_redirect);
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  const bool named =
      s.text({"address", "The target's name or IP address; default: 127.0.0.1, if port is there."}, host);
  const bool numbered = s.number<std::uint16_t>(
      {"port", "The target's port; default: the one that the client has connected to."}, port, 0);
  read_port_map(s, o);
  if (named || numbered || !o.by_port.empty()) o.target.emplace(address(host), port);
  if (o.target && !o.target->host.valid())
    s.wrong("address", fmt::format("is '{}'; it must be a name or an IP address", sanitized(host)));
  if (!o.target && !o.follow_redirect)
    s.needs("address", "the one place to go to, unless followRedirect is true");
  read_networks(s, to);
  to.one_target = !o.follow_redirect;
  to.original_target = o.follow_redirect;
  to.datagrams_need_tproxy = !o.target;
  plan<dokodemo_inbound>(to, std::move(o));
}

}  // namespace

void add_dokodemo_inbound(registry& to) {
  to.inbounds.add("dokodemo-door",
                  "One target for all clients, or the original target of redirected traffic.", read_dokodemo);
}

}  // namespace muxpro::proxy
