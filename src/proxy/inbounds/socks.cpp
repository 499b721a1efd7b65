#include <muxpro/proxy/inbounds/socks.hpp>

#include "tunnel.hpp"

#include <utility>
#include <vector>

namespace muxpro::proxy {

// Nothing: the client is gone, or was refused.
asio::awaitable<std::optional<socks_request>> socks_inbound::negotiate(newcomer& who) const {
  socks_handshake handshake(options_.users);
  std::error_code ec;
  while (!ec) {
    socks_handshake::step step = handshake.next(who.said());
    who.consume(step.consumed);
    if (step.what == socks_handshake::status::request) co_return std::move(step.request);
    if (step.what == socks_handshake::status::refused) {
      co_await say_farewell(who.c, step.reply);
      break;
    }
    if (!step.reply.empty()) co_await who.c->write(asio::buffer(step.reply), ec);
    if (step.what == socks_handshake::status::need_more)
      co_await who.listen(2 * socks_handshake::max_message, ec);
  }
  co_return std::nullopt;
}

asio::awaitable<void> socks_inbound::serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                           admission::ticket place) const {
  newcomer who(std::move(c), std::move(known), std::move(place), options_.handshake);
  co_await serve(std::move(who), to);
}

asio::awaitable<void> socks_inbound::serve(newcomer who, dispatcher& to) const {
  const auto request = co_await negotiate(who);
  if (!request) co_return;
  std::vector<std::byte> early = who.settle();
  const auto c = who.c;
  context known = std::move(who.known);
  known.inbound.protocol = "socks";
  known.inbound.user = request->user;
  known.outbound.original = known.outbound.target = request->target;
  std::vector<std::byte> answer;
  if (request->command != socks_command::connect) {
    answer = socks_reply(request->version, asio::error::operation_not_supported);
    co_await say_farewell(c, answer);
    co_return;
  }
  inbound_link link = to.dispatch(std::move(known));
  const std::error_code outcome = co_await link.async_wait_for_target();
  answer = socks_reply(request->version, outcome);
  if (outcome) {
    co_await say_farewell(c, answer);
    co_return;
  }
  std::error_code ec;
  co_await c->write(asio::buffer(answer), ec);
  if (!ec) co_await tunnel(*c, link, std::move(early), options_.relay);
}

}  // namespace muxpro::proxy
