// The configuration of outbounds of protocol socks.
#include "proxy/dial/dial_session.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/settings.hpp"
#include "proxy/outbound/socks.hpp"

#include <memory>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

outbound_factory make_socks(outbound_resources& from, socks_outbound_options options) {
  options.relay = from.relay();
  auto dial = [options](std::shared_ptr<transport_dialer> server, session_options s) {
    return dial_session_by_socks(std::move(server), options, std::move(s));
  };
  const auto server = from.dialer();
  server->probe_by(
      [weak = std::weak_ptr(server), options] { return greet_socks_server(std::shared_ptr(weak), options); });
  auto native = [server, options](asio::io_context&) {
    return std::make_shared<socks_outbound>(server, options);
  };
  return multiplexed_as_configured(from, from.mux(), std::move(dial), {std::move(native)});
}

outbound_plan plan_of(stream_address server, socks_outbound_options options) {
  outbound_plan out;
  out.datagrams = server.is_unix() ? datagram_support::none : datagram_support::carried;
  out.datagrams_beside = true;
  out.server = std::move(server);
  out.options = options;
  out.mux = outbound_plan::multiplexing::possible;
  out.make = [options = std::move(options)](outbound_resources& from) { return make_socks(from, options); };
  return out;
}

void take_socks_user(settings& u, socks_outbound_options& to) {
  proxy_user user = read_proxy_user(u);
  to.credentials = socks_credentials{std::move(user.name), std::move(user.secret)};
}

void read_socks_server(settings& s, outbound_plan& to) {
  socks_outbound_options c;
  stream_address address;
  const auto listed = [&](settings& server) {
    address = read_server(server);
    server.objects({"users", "At most one user, whose name and password the server asks for."},
                   [&](settings& u, std::size_t n) {
                     if (n > 0) u.wrong("is one too many; an outbound has one user");
                     take_socks_user(u, c);
                   });
  };
  if (!read_listed_server(s, "servers", listed)) {
    address = read_server(s);
    if (s.describing() || s.has("user") || s.has("pass")) take_socks_user(s, c);
    accept_user_keys(s);
  }
  to = plan_of(std::move(address), std::move(c));
}

}  // namespace

void add_socks_outbound(registry& to) {
  to.outbounds.add("socks",
                   "A SOCKS 5 server. Datagrams go by UDP ASSOCIATE, one for each socket of a client; a "
                   "server at a unix socket carries no datagrams without mux.",
                   read_socks_server);
}

}  // namespace muxpro::proxy
