// The configuration of outbounds of protocol vless.
#include "proxy/config/user_id.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/keyed.hpp"
#include "proxy/outbound/settings.hpp"
#include "proxy/vless/packets.hpp"
#include "proxy/vless/request.hpp"
#include "proxy/vless/settings.hpp"

#include <chrono>
#include <utility>

namespace muxpro::proxy {

namespace {

struct vless_user {
  uuid id{};
  client_flow flow;
  bool in_clear = true;
};

vless_user read_vless_user(settings& u) {
  vless_user out;
  out.id = read_user_id(u).value_or(uuid());
  out.in_clear = require_no_vless_encryption(u, {"encryption", "Must be none: TLS encrypts."});
  out.flow = read_vless_client_flow(u);
  accept_user_keys(u);
  return out;
}

void read_vless_server(settings& s, outbound_plan& to) {
  stream_address server;
  vless_user user;
  const auto listed = [&](settings& one) {
    server = read_server(one);
    if (one.needs("users", "a list of one object"))
      read_only_object(one, {"users", "The one user."}, "an outbound has one user",
                       [&](settings& u) { user = read_vless_user(u); });
  };
  if (!read_listed_server(s, "vnext", listed)) {
    server = read_server(s);
    user = read_vless_user(s);
  }
  keyed_outbound_options o;
  o.request = [user](const destination& target) { return vless_request(user.id, target, user.flow.vision); };
  if (user.flow.vision) o.vision = user.id;
  o.refuses_quic = user.flow.refuses_quic;
  o.response = read_vless_response;
  o.framing = {read_vless_packet, append_vless_packet, false};
  o.first_bytes = std::chrono::milliseconds(500);
  o.single_xudp = true;
  to = keyed_plan(std::move(server), std::move(o));
  to.in_clear = user.in_clear;
}

}  // namespace

void add_vless_outbound(registry& to) {
  to.outbounds.add("vless",
                   "A VLESS server. Datagrams go by XUDP to any target; with mux.xudpConcurrency -1 they go "
                   "as VLESS has them, all "
                   "of a client's socket to the target of its first one. VLESS does not encrypt: use TLS.",
                   read_vless_server);
}

}  // namespace muxpro::proxy
