#include <muxpro/proxy/inbounds/dokodemo.hpp>

#include "../original_destination.hpp"
#include "tunnel.hpp"

#include <muxpro/proxy/dial_policy.hpp>
#include <muxpro/proxy/local_addresses.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

dokodemo_inbound::dokodemo_inbound(dokodemo_inbound_options options)
    : options_(std::move(options)), local_(local_addresses()) {
  const auto& t = options_.target;
  if (!t && !options_.follow_redirect) throw std::invalid_argument("there is no target to go to");
  if (t && (!t->host.valid() || t->port == 0)) throw std::invalid_argument("the target is none that can be");
}

// TPROXY leaves the address that a client sends to, which is none of this machine.
std::optional<host_port> dokodemo_inbound::elsewhere(const context& known) const {
  const asio::ip::address& here = known.inbound.gateway;
  if (here.is_unspecified() || std::find(local_.begin(), local_.end(), here) != local_.end())
    return std::nullopt;
  return host_port(here.to_string(), known.inbound.gateway_port);
}

// REDIRECT has changed the address that the connection came to, and remembers the first one.
std::optional<host_port> dokodemo_inbound::target_of(connection& c, const context& known) const {
  if (!options_.follow_redirect) return options_.target;
  const auto original = original_destination(c);
  if (original && *original != host_port(known.inbound.gateway.to_string(), known.inbound.gateway_port))
    return original;
  return elsewhere(known);
}

asio::awaitable<void> dokodemo_inbound::serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                              admission::ticket place) const {
  place.release();
  const auto target = target_of(*c, known);
  if (!target) {
    c->cut();
    co_return;
  }
  known.inbound.protocol = "dokodemo-door";
  known.outbound.original = known.outbound.target = {network::tcp, target->host, target->port};
  co_await dispatch_and_tunnel(c, std::move(known), to, options_.relay);
}

bool dokodemo_inbound::admit_datagrams(context& known) const {
  auto target = options_.follow_redirect ? elsewhere(known) : std::nullopt;
  if (!target) target = options_.target;
  if (!target) return false;
  known.inbound.protocol = "dokodemo-door";
  known.outbound.original = known.outbound.target = {network::udp, target->host, target->port};
  return true;
}

}  // namespace muxpro::proxy
