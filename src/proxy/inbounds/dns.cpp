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
  co_await dispatch_and_tunnel(c, std::move(known), to, options_.relay);
}

bool dns_inbound::admit_datagrams(context& known) const {
  complete(known, network::udp);
  return true;
}

}  // namespace muxpro::proxy
