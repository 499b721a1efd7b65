#include "proxy/inbound/dokodemo.hpp"

#include "proxy/net/local_addresses.hpp"
#include "proxy/net/original_destination.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

dokodemo_inbound::dokodemo_inbound(dokodemo_inbound_options options)
    : options_(std::move(options)), local_(local_addresses()) {
  const auto& t = options_.target;
  if (!t && !options_.follow_redirect) throw std::invalid_argument("there is no target to go to");
  if (t && !t->host.valid()) throw std::invalid_argument("the target is not a valid host");
}

// TPROXY leaves the address that a client sends to, which is not an address of this machine.
std::optional<host_port> dokodemo_inbound::elsewhere(const context& ctx) const {
  const asio::ip::address& here = ctx.inbound.gateway;
  if (here.is_unspecified() || here.is_loopback() ||
      std::find(local_.begin(), local_.end(), here) != local_.end())
    return std::nullopt;
  return host_port(here.to_string(), ctx.inbound.gateway_port);
}

// Without a port of its own it is the port that the client has connected to, as in Xray.
std::optional<host_port> dokodemo_inbound::own_target(const context& ctx) const {
  std::optional<host_port> out = options_.target;
  const auto mapped = options_.by_port.find(ctx.inbound.gateway_port);
  if (out && mapped != options_.by_port.end()) {
    if (mapped->second.host.valid()) out->host = mapped->second.host;
    if (mapped->second.port != 0) out->port = mapped->second.port;
  }
  if (out && out->port == 0) out->port = ctx.inbound.gateway_port;
  return out;
}

// REDIRECT has changed the address that the connection came to, and remembers the first one.
std::optional<host_port> dokodemo_inbound::target_of(connection& c, const context& ctx) const {
  if (!options_.follow_redirect) return own_target(ctx);
  const auto original = original_destination(c);
  if (original && *original != host_port(ctx.inbound.gateway.to_string(), ctx.inbound.gateway_port))
    return original;
  return elsewhere(ctx);
}

asio::awaitable<void> dokodemo_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                              admission::ticket place) const {
  place.release();
  const auto target = target_of(*c, ctx);
  if (!target) {
    c->cut();
    co_return;
  }
  ctx.inbound.protocol = "dokodemo-door";
  ctx.outbound.original = ctx.outbound.target = {network::tcp, target->host, target->port};
  co_await to.dispatch(std::move(ctx), std::make_unique<client>(std::move(c), options_.relay));
}

bool dokodemo_inbound::admit_datagrams(context& ctx) const {
  auto target = options_.follow_redirect ? elsewhere(ctx) : std::nullopt;
  if (!target) target = own_target(ctx);
  if (!target) return false;
  ctx.inbound.protocol = "dokodemo-door";
  ctx.outbound.original = ctx.outbound.target = {network::udp, target->host, target->port};
  return true;
}

}  // namespace muxpro::proxy
