#include <muxpro/proxy/outbounds/freedom.hpp>

#include "../or_error.hpp"
#include "../relay_link.hpp"

#include <asio/write.hpp>

#include <memory>
#include <utility>

namespace muxpro::proxy {

using asio::ip::tcp;

asio::awaitable<carried> freedom::carry(context c, outbound_link link) {
  const counted here(*this);
  carried result;
  const auto attempt = std::make_shared<dial>(link.stream.get_executor(), names_, policy_, dial_);
  link.target().on_abandoned([attempt] { attempt->cancel(asio::error::operation_aborted); });
  tcp::socket target = co_await attempt->connect(c.outbound.target, result.why);
  link.target().on_abandoned(nullptr);
  link.target().want_client();
  link.target().tell(attempt->in_detail(result.why));
  if (result.why) co_return result;
  if (!link.first_data.empty()) {
    co_await asio::async_write(target, asio::buffer(link.first_data), or_error(result.why));
    if (result.why) co_return result;
    result.up = link.first_data.size();
  }
  co_await relay_link(link, target, relay_, result);
  co_return result;
}

asio::awaitable<carried> freedom::carry_datagrams(context c, std::unique_ptr<datagram_stream> datagrams) {
  if (!nat_) co_return co_await outbound::carry_datagrams(std::move(c), std::move(datagrams));
  const counted here(*this);
  udp_nat::owner who(c.inbound.user, c.inbound.source);
  who.session = c.inbound.carrier ? c.inbound.carrier : c.id;
  who.target = c.outbound.target;
  who.source = c.datagrams.source;
  who.addressed = c.datagrams.addressed;
  co_await nat_->carry(std::move(datagrams), std::move(who));
  co_return carried();
}

}  // namespace muxpro::proxy
