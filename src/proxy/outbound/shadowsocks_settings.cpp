// The configuration of outbounds of protocol shadowsocks.
#include "proxy/engine/built_in.hpp"
#include "proxy/net/wall_clock.hpp"
#include "proxy/outbound/keyed.hpp"
#include "proxy/outbound/settings.hpp"
#include "proxy/shadowsocks/packet_user.hpp"
#include "proxy/shadowsocks/settings.hpp"
#include "proxy/shadowsocks/stream.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Servers on the way to the user's, which are few.
constexpr std::size_t most_server_keys = 16;

shadowsocks_client read_shadowsocks_user(settings& s) {
  shadowsocks_client out;
  out.method = read_shadowsocks_method(s);
  out.keys = read_shadowsocks_keys(s, out.method, most_server_keys);
  bool over_tcp = false;
  if (s.flag({"uot", "Accepted if it is false: datagrams inside of connections are another protocol."},
             over_tcp) &&
      over_tcp)
    s.wrong("uot", "is true; muxpro sends datagrams to Shadowsocks servers by UDP");
  accept_user_keys(s);
  return out;
}

void read_shadowsocks_server(settings& s, outbound_plan& to) {
  stream_address server;
  shadowsocks_client who;
  const auto read = [&](settings& one) {
    server = read_server(one);
    who = read_shadowsocks_user(one);
  };
  if (!read_listed_server(s, "servers", read)) read(s);
  if (!who.method || who.keys.empty()) return;
  keyed_outbound_options o;
  o.chunks = [who](const destination& target) { return shadowsocks_request(who, target, wall_clock); };
  o.packets = [who] { return std::make_unique<packet_user>(who); };
  to = keyed_plan(std::move(server), std::move(o));
  to.in_clear = false;
  to.datagrams_beside = true;
  if (to.server->is_unix()) to.datagrams = datagram_support::none;
}

}  // namespace

void add_shadowsocks_outbound(registry& to) {
  to.outbounds.add("shadowsocks",
                   "A Shadowsocks server, SIP004 (AEAD) or SIP022 (2022). Datagrams go to its UDP port.",
                   read_shadowsocks_server);
}

}  // namespace muxpro::proxy
