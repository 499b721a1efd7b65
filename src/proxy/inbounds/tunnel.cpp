#include "tunnel.hpp"

#include "../or_error.hpp"

#include <asio/write.hpp>

#include <utility>

namespace muxpro::proxy {

asio::awaitable<void> tunnel(std::shared_ptr<connection> c, inbound_link& link, std::vector<std::byte> early,
                             relay_options limits) {
  std::error_code ec;
  if (link.wants_client()) {
    answered_client client(c, std::move(early), std::move(limits));
    co_await link.async_hand_over(std::move(client), or_error(ec));
    if (ec) c->cut();
    co_return;
  }
  if (!early.empty()) co_await asio::async_write(link.stream, asio::buffer(early), or_error(ec));
  if (ec) {
    c->cut();
    co_return;
  }
  std::vector<std::byte>().swap(early);  // the relay may take days
  co_await c->relay(link.stream, limits, ec);
}

asio::awaitable<void> dispatch_and_tunnel(std::shared_ptr<connection> c, context known, dispatcher& to,
                                          relay_options limits) {
  inbound_link link = to.dispatch(std::move(known), client_side::offered);
  std::error_code outcome;
  if (!link.knows_target(outcome)) co_await link.async_wait_for_target(or_error(outcome));
  if (outcome)
    c->cut();
  else
    co_await tunnel(c, link, {}, std::move(limits));
}

}  // namespace muxpro::proxy
