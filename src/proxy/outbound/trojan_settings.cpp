// The configuration of outbounds of protocol trojan.
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/keyed.hpp"
#include "proxy/outbound/settings.hpp"
#include "proxy/trojan/packets.hpp"
#include "proxy/trojan/request.hpp"

#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

std::string read_trojan_password(settings& s) {
  std::string password;
  s.needs("password", "the user's password");
  if (s.secret({"password", "The password. No message shows it."}, password) && password.empty())
    s.wrong("password", "must not be empty");
  accept_user_keys(s);
  return password;
}

void read_trojan_server(settings& s, outbound_plan& to) {
  stream_address server;
  std::string password;
  const auto read = [&](settings& one) {
    server = read_server(one);
    password = read_trojan_password(one);
  };
  if (!read_listed_server(s, "servers", read)) read(s);
  keyed_outbound_options o;
  o.request = [key = trojan_key(password)](const destination& target) { return trojan_request(key, target); };
  o.framing = {read_trojan_packet, append_trojan_packet, true};
  to = keyed_plan(std::move(server), std::move(o));
}

}  // namespace

void add_trojan_outbound(registry& to) {
  to.outbounds.add("trojan", "A Trojan server. Trojan does not encrypt: use TLS.", read_trojan_server);
}

}  // namespace muxpro::proxy
