#include "proxy/outbound/freedom.hpp"

#include "proxy/base/client_share.hpp"
#include "proxy/base/proxy_protocol.hpp"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

using asio::ip::tcp;

namespace {

constexpr const char* how_to_allow_private =
    "private and local addresses are dialled only if all inbounds listen on loopback; \"allowPrivate\": true "
    "in the outbound's settings allows them";

}  // namespace

destination freedom::target_of(const context& ctx) const {
  destination out = ctx.outbound.target;
  if (!options_.redirect) return out;
  if (options_.redirect->host.valid()) out.host = options_.redirect->host;
  if (options_.redirect->port != 0) out.port = options_.redirect->port;
  return out;
}

/// What goes to the target before the relay.
asio::awaitable<void> freedom::begin(const context& ctx, client& c, connection_over<tcp::socket>& far,
                                     std::error_code& ec) const {
  const context::inbound_part& in = ctx.inbound;
  if (options_.proxy_header != 0) {
    std::error_code gone;
    const tcp::endpoint target = far.stream().remote_endpoint(gone);
    const auto header = proxy_header(options_.proxy_header, {in.source, in.source_port}, target);
    co_await far.write(asio::buffer(header), ec);
  }
  if (!ec && options_.fragment) co_await send_in_pieces(c, far, *options_.fragment, ec);
}

asio::awaitable<connection_result> freedom::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  const auto attempt =
      std::make_shared<dial>(c.get_executor(), names_, policy_, options_.dial, share_of(ctx.inbound));
  c.on_abandoned([attempt](std::error_code why) { attempt->cancel(why); });
  tcp::socket target = co_await attempt->connect(target_of(ctx), result.why);
  c.on_abandoned(nullptr);
  const verdict v = attempt->refused();
  if (result.why == errc::target_rejected && (v == verdict::private_address || v == verdict::own_address))
    result.advice = how_to_allow_private;
  co_await c.answer(attempt->in_detail(result.why), result.why);
  if (result.why) co_return result;
  connection_over<tcp::socket> far(std::move(target));
  co_await begin(ctx, c, far, result.why);
  if (result.why) co_return result;
  co_await c.relay(far, relay_, result.why);
  co_return result;
}

asio::awaitable<connection_result> freedom::carry_datagrams(context ctx,
                                                            std::unique_ptr<datagram_stream> datagrams) {
  if (!nat_) co_return co_await outbound::carry_datagrams(std::move(ctx), std::move(datagrams));
  const counted here(*this);
  udp_nat::owner who(ctx.inbound);
  who.session = ctx.inbound.carrier ? ctx.inbound.carrier : ctx.id;
  who.target = ctx.outbound.target;
  who.source = ctx.datagrams.source;
  who.addressed = ctx.datagrams.addressed;
  co_await nat_->carry(std::move(datagrams), std::move(who));
  co_return connection_result();
}

}  // namespace muxpro::proxy
