// The configuration of inbounds of protocol http.
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/http.hpp"
#include "proxy/inbound/settings.hpp"

namespace muxpro::proxy {

namespace {

constexpr std::string_view about_http =
    "An HTTP proxy for CONNECT and requests to http:// URIs. Requests are forwarded one by one, in their "
    "order. Rules, counters and the access log treat each as a connection of its own. A connection to an "
    "origin is reused for requests of the same inbound, user, source address, target and outbound; after a "
    "login by NTLM or Negotiate only for the same client connection. It waits 30 s at most, and 1 s after "
    "that client connection has ended. Only idempotent requests without a body use a connection that has "
    "waited; if it is dead, the request is repeated once on a new one. An ambiguous answer becomes a 502, "
    "and an answer that is cut short closes the client's connection. An upgrade to any protocol but h2c "
    "becomes a tunnel once the origin agrees.";

void read_http(settings& s, const policy_level& policy, inbound_plan& to) {
  http_inbound_options o;
  o.handshake = policy.handshake;
  o.relay = policy.relay;
  read_accounts(s, policy, o.users);
  read_head_limits(s, o.head);
  o.main_connections = read_main_connections(s, policy);
  to.users = std::make_shared<accounts>(o.users);
  to.authenticates = !o.users.empty();
  to.carries_datagrams = o.main_connections != nullptr;
  plan<http_inbound>(to, std::move(o));
}

}  // namespace

void add_http_inbound(registry& to) { to.inbounds.add("http", std::string(about_http), read_http); }

}  // namespace muxpro::proxy
