#include "proxy/outbound/freedom.hpp"

#include "proxy/base/client_share.hpp"

#include <memory>
#include <utility>

namespace muxpro::proxy {

using asio::ip::tcp;

asio::awaitable<connection_result> freedom::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  const auto attempt =
      std::make_shared<dial>(c.get_executor(), names_, policy_, dial_, share_of(ctx.inbound));
  c.on_abandoned([attempt](std::error_code why) { attempt->cancel(why); });
  tcp::socket target = co_await attempt->connect(ctx.outbound.target, result.why);
  c.on_abandoned(nullptr);
  co_await c.answer(attempt->in_detail(result.why), result.why);
  if (result.why) co_return result;
  connection_over<tcp::socket> far(std::move(target));
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
