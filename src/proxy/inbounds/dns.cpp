#include <muxpro/proxy/inbounds/dns.hpp>

#include "tunnel.hpp"

#include <utility>

namespace muxpro::proxy {

// What a client asks is here: that is its target.
void dns_inbound::complete(context& known, network net) const {
  known.inbound.protocol = "dns";
  known.outbound.target = {net, known.inbound.gateway.to_string(), known.inbound.gateway_port};
  known.outbound.original = known.outbound.target;
  known.outbound.tag = options_.outbound;
}

asio::awaitable<void> dns_inbound::serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                         admission::ticket place) const {
  place.release();
  complete(known, network::tcp);
  inbound_link link = to.dispatch(std::move(known));
  const std::error_code outcome = co_await link.async_wait_for_target();
  if (outcome)
    c->cut();
  else
    co_await tunnel(*c, link, {}, options_.relay);
}

bool dns_inbound::admit_datagrams(context& known) const {
  complete(known, network::udp);
  return true;
}

}  // namespace muxpro::proxy
