#include <muxpro/proxy/inbounds/socks.hpp>

#include "../or_error.hpp"
#include "socks_association.hpp"
#include "tunnel.hpp"

#include <array>
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
    if (step.what == socks_handshake::status::need_more) {
      co_await who.listen(2 * socks_handshake::max_message, ec);
      continue;
    }
    const auto rest = who.c->write_now(step.reply);
    if (rest.size() > 0) co_await who.c->write(rest, ec);
  }
  co_return std::nullopt;
}

asio::awaitable<void> socks_inbound::serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                           admission::ticket place) const {
  newcomer who(std::move(c), std::move(known), std::move(place), options_.handshake);
  co_await serve(who, to);
}

asio::awaitable<void> socks_inbound::serve(newcomer& who, dispatcher& to) const {
  const auto request = co_await negotiate(who);
  if (!request) co_return;
  who.known.inbound.protocol = "socks";
  if (!request->user.empty()) who.known.inbound.user = request->user;
  who.known.outbound.original = who.known.outbound.target = request->target;
  if (request->command == socks_command::connect) {
    co_await connect(who, to, request->version);
  } else {
    who.settle();
    co_await associate(std::move(who.c), std::move(who.known), to);
  }
}

asio::awaitable<void> socks_inbound::connect(newcomer& who, dispatcher& to, socks_version version) const {
  std::vector<std::byte> early = who.settle();
  const auto c = std::move(who.c);
  inbound_link link = begin(*c, std::move(who.known), to, client_side::offered, options_.main_connections);
  std::error_code outcome;
  if (!link.knows_target(outcome)) co_await link.async_wait_for_target(or_error(outcome));
  const std::vector<std::byte> answer = socks_reply(version, outcome);
  if (outcome) {
    co_await say_farewell(c, answer);
    co_return;
  }
  std::error_code ec;
  const auto rest = c->write_now(answer);
  if (rest.size() > 0) co_await c->write(rest, ec);
  if (!ec) co_await tunnel(c, link, std::move(early), options_.relay);
}

// The connection has nothing more to say; that it is there keeps the association.
asio::awaitable<void> socks_inbound::associate(std::shared_ptr<connection> c, context known,
                                               dispatcher& to) const {
  const struct place {
    explicit place(std::shared_ptr<std::atomic<std::uint32_t>> n) : taken(std::move(n)), before((*taken)++) {}
    place(const place&) = delete;
    ~place() { --*taken; }
    const std::shared_ptr<std::atomic<std::uint32_t>> taken;
    const std::uint32_t before;
  } mine(associations_);
  const std::uint16_t expected = known.outbound.target.port;
  const struct lifetime {
    ~lifetime() { association->end(); }
    const std::shared_ptr<socks_association> association;
  } of{std::make_shared<socks_association>(c->get_executor(), std::move(known), to, expected,
                                           options_.relay.idle, [&client = *c] { client.close(); })};
  std::error_code ec;
  host_port at;
  if (!options_.udp)
    ec = asio::error::operation_not_supported;
  else if (mine.before >= options_.max_associations)
    ec = end_code::resources;
  else
    at = of.association->open(ec);
  const std::vector<std::byte> answer = socks_reply(socks_version::v5, ec, at);
  if (ec) {
    co_await say_farewell(c, answer);
    co_return;
  }
  of.association->start();
  co_await c->write(asio::buffer(answer), ec);
  std::array<std::byte, 64> dropped;
  while (!ec) co_await c->read_some(asio::buffer(dropped), ec);
}

}  // namespace muxpro::proxy
