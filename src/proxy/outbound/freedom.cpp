#include "proxy/outbound/freedom.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/base/client_share.hpp"
#include "proxy/base/own_query.hpp"
#include "proxy/base/proxy_protocol.hpp"
#include "proxy/dial/next_outbound.hpp"

#include <asio/cancellation_signal.hpp>

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
asio::awaitable<void> freedom::begin(const context& ctx, client& c, connection& far,
                                     const tcp::endpoint& target, std::error_code& ec) const {
  const context::inbound_part& in = ctx.inbound;
  if (options_.proxy_header != 0) {
    const auto header = proxy_header(options_.proxy_header, {in.source, in.source_port}, target);
    co_await far.write(asio::buffer(header), ec);
  }
  if (!ec && options_.fragment) co_await send_in_pieces(c, far, *options_.fragment, ec);
}

asio::awaitable<std::shared_ptr<connection>> freedom::open_through(const next_outbound& next,
                                                                   const context& ctx, client& c,
                                                                   std::error_code& ec) const {
  const auto given_up = std::make_shared<asio::cancellation_signal>();
  const auto search = std::make_shared<connect_operation>(c.get_executor(), names_, policy_, options_.dial,
                                                          share_of(ctx.inbound));
  c.on_abandoned([given_up, search](std::error_code why) {
    search->cancel(why);
    given_up->emit(asio::cancellation_type::terminal);
  });
  destination target = co_await search->resolve(target_of(ctx), ec);
  std::shared_ptr<connection> far;
  if (!ec) far = co_await next.connect(std::move(target), ec, given_up->slot());
  c.on_abandoned(nullptr);
  co_return far;
}

asio::awaitable<connection_result> freedom::carry_through(const next_outbound& next, const context& ctx,
                                                          client& c) {
  connection_result result;
  const auto far = co_await open_through(next, ctx, c, result.why);
  co_await c.answer(result.why, result.why);
  if (result.why) co_return result;
  const address host = target_of(ctx).host;
  tcp::endpoint target;
  if (!host.is_domain()) target = {to_asio(host.octets()), target_of(ctx).port};
  co_await begin(ctx, c, *far, target, result.why);
  if (!result.why) c.hand_over(far, relay_);
  co_return result;
}

asio::awaitable<connection_result> freedom::carry(const context& ctx, client& c) {
  const counted here(*this);
  if (options_.dial.through) co_return co_await carry_through(*options_.dial.through, ctx, c);
  connection_result result;
  const dial_policy& policy = is_own_query(ctx.inbound) ? *own_policy_ : policy_;
  const auto attempt = std::make_shared<connect_operation>(c.get_executor(), names_, policy, options_.dial,
                                                           share_of(ctx.inbound));
  c.on_abandoned([attempt](std::error_code why) { attempt->cancel(why); });
  tcp::socket target = co_await attempt->connect(target_of(ctx), result.why);
  c.on_abandoned(nullptr);
  const verdict v = attempt->refused();
  if (result.why == errc::target_rejected && (v == verdict::private_address || v == verdict::own_address))
    result.advice = how_to_allow_private;
  co_await c.answer(attempt->system_error_of(result.why), result.why);
  if (result.why) co_return result;
  std::error_code gone;
  tcp::endpoint reached;
  if (options_.proxy_header != 0) reached = target.remote_endpoint(gone);
  const auto far = std::make_shared<connection_over<tcp::socket>>(std::move(target));
  co_await begin(ctx, c, *far, reached, result.why);
  if (!result.why) c.hand_over(far, relay_);
  co_return result;
}

datagram_support freedom::support_for_datagrams() const noexcept {
  if (const auto& next = options_.dial.through) return next->support_for_datagrams();
  return nat_ ? datagram_support::carried : datagram_support::none;
}

asio::awaitable<connection_result> freedom::carry_datagrams(context ctx,
                                                            std::unique_ptr<datagram_stream> datagrams) {
  if (!nat_) co_return co_await outbound::carry_datagrams(std::move(ctx), std::move(datagrams));
  const counted here(*this);
  if (options_.dial.through) {
    co_await options_.dial.through->carry_datagrams(std::move(ctx), std::move(datagrams));
    co_return connection_result();
  }
  udp_nat::owner who(ctx.inbound);
  who.session = ctx.inbound.carrier ? ctx.inbound.carrier : ctx.id;
  who.target = ctx.outbound.target;
  who.source = ctx.datagrams.source;
  who.addressed = ctx.datagrams.addressed;
  udp_nat& nat = is_own_query(ctx.inbound) ? *own_nat_ : *nat_;
  co_await nat.carry(std::move(datagrams), std::move(who));
  co_return connection_result();
}

}  // namespace muxpro::proxy
