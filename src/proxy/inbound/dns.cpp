#include "proxy/inbound/dns.hpp"

#include <memory>
#include <utility>

namespace muxpro::proxy {

// The target is the address of the listener that the client has reached.
void dns_inbound::complete(context& ctx, network net) const {
  ctx.inbound.protocol = "dns";
  ctx.outbound.target = {net, ctx.inbound.gateway.to_string(), ctx.inbound.gateway_port};
  ctx.outbound.original = ctx.outbound.target;
  ctx.outbound.tag = options_.outbound;
}

asio::awaitable<void> dns_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                         admission::ticket place) const {
  place.release();
  complete(ctx, network::tcp);
  co_await to.dispatch(std::move(ctx), std::make_unique<client>(std::move(c), options_.relay));
}

bool dns_inbound::admit_datagrams(context& ctx) const {
  complete(ctx, network::udp);
  return true;
}

}  // namespace muxpro::proxy
