#include <muxpro/proxy/inbounds/http.hpp>

#include "../or_error.hpp"
#include "http_exchange.hpp"
#include "tunnel.hpp"

#include <muxpro/proxy/http_answer.hpp>

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

asio::awaitable<void> refuse(std::shared_ptr<connection> c, std::string answer) {
  co_await say_farewell(std::move(c), std::as_bytes(std::span(answer)));
}

asio::awaitable<void> connect(std::shared_ptr<connection> c, inbound_link& link, std::vector<std::byte> early,
                              relay_options limits) {
  const std::string answer = http_answer(http_status::connected);
  std::error_code ec;
  const auto rest = c->write_now(std::as_bytes(std::span(answer)));
  if (rest.size() > 0) co_await c->write(rest, ec);
  if (!ec) co_await tunnel(c, link, std::move(early), limits);
}

}  // namespace

// Nothing: the client is gone, or was refused.
asio::awaitable<std::optional<http_request>> http_inbound::negotiate(newcomer& who) const {
  http_request_parser parser;
  std::error_code ec;
  while (!ec) {
    http_request_parser::step step = parser.next(who.said());
    if (step.what == http_request_parser::status::refused) {
      co_await refuse(who.c, http_answer(step.answer, step.reason));
      break;
    }
    if (step.what == http_request_parser::status::complete) {
      who.consume(step.consumed);
      const auto user = http_user(step.request, options_.users);
      if (user && !user->empty()) who.known.inbound.user = *user;
      if (user) co_return std::move(step.request);
      co_await refuse(who.c,
                      http_answer(http_status::proxy_authentication_required, {}, step.request.method));
      break;
    }
    co_await who.listen(http_request_parser::max_head, ec);
  }
  co_return std::nullopt;
}

asio::awaitable<void> http_inbound::serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                          admission::ticket place) const {
  newcomer who(std::move(c), std::move(known), std::move(place), options_.handshake);
  co_await serve(who, to);
}

asio::awaitable<void> http_inbound::serve(newcomer& who, dispatcher& to) const {
  auto request = co_await negotiate(who);
  if (!request) co_return;
  std::vector<std::byte> early = who.settle();
  const auto c = who.c;
  context& known = who.known;
  known.inbound.protocol = "http";
  known.outbound.original = known.outbound.target = request->target;
  known.content.attributes = http_attributes(*request);
  if (!request->is_connect()) known.content.protocol = "http/1.1";
  const auto inside = request->is_connect() ? options_.main_connections : nullptr;
  const auto client = request->is_connect() ? client_side::offered : client_side::pipe;
  inbound_link link = begin(*c, std::move(known), to, client, inside);
  std::error_code outcome;
  if (!link.knows_target(outcome)) co_await link.async_wait_for_target(or_error(outcome));
  if (outcome) {
    co_await refuse(c, http_answer_to(outcome, request->method));
  } else if (request->is_connect()) {
    request.reset();
    co_await connect(c, link, std::move(early), options_.relay);
  } else {
    co_await exchange_http(c, std::move(link), *std::move(request), std::move(early), options_.relay);
  }
}

}  // namespace muxpro::proxy
