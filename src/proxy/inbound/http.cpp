#include "proxy/inbound/http.hpp"

#include "proxy/engine/kept_links.hpp"
#include "proxy/http/answer.hpp"
#include "proxy/inbound/http_exchange.hpp"
#include "proxy/net/idle_timer.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

asio::awaitable<void> refuse(std::shared_ptr<connection> c, std::string answer) {
  co_await write_and_close(std::move(c), std::as_bytes(std::span(answer)));
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto all = std::as_bytes(std::span(text));
  return {all.begin(), all.end()};
}

/// A client of CONNECT.
class http_connect_client final : public client {
 public:
  http_connect_client(http_client& from, std::string method)
      : client(from.c, from.limits, from.input->take()), method_(std::move(method)) {}

 private:
  std::vector<std::byte> reply_to(std::error_code outcome) override {
    return bytes_of(outcome ? http_answer_to(outcome, method_) : http_answer(http_status::connected));
  }

  const std::string method_;
};

/// While a client has not begun its next request, a drain need not wait for it.
class idle_client {
 public:
  explicit idle_client(const std::shared_ptr<http_client>& client) : client_(client) { client_->idle = true; }
  idle_client(const idle_client&) = delete;
  ~idle_client() { client_->idle = false; }

 private:
  const std::shared_ptr<http_client> client_;
};

void drain_by(const std::shared_ptr<http_client>& client) {
  client->c->set_close_hooks({[weak = std::weak_ptr(client)] {
                                if (const auto c = weak.lock()) c->drain();
                              },
                              {}});
}

asio::awaitable<void> close_in_order(std::shared_ptr<connection> c) {
  co_await c->finish();
  c->close();
}

/// A connection of a client. Links that were kept for it alone end with it.
class link_owner {
 public:
  link_owner(const dispatcher& to, std::uint32_t id) : links_(to.kept()), id_(id) {}
  link_owner(const link_owner&) = delete;
  ~link_owner() {
    if (const auto links = links_.lock()) links->leave(id_);
  }

 private:
  const std::weak_ptr<kept_links> links_;
  const std::uint32_t id_;
};

}  // namespace

// Returns the answer that refuses the request, or an empty text if it is served.
std::string http_inbound::judge(const http_request_parser::step& step, context& ctx,
                                const dispatcher& to) const {
  if (step.what == http_request_parser::status::refused) return http_answer(step.answer, step.reason);
  if (!options_.users.empty()) {
    const auto user = http_user(step.request, options_.users);
    if (!user && has_login(step.request)) logins_->failed(ctx, to);
    if (!user) return http_answer(http_status::proxy_authentication_required, {}, step.request.method);
    ctx.inbound.user = *user;
  }
  ctx.inbound.protocol = "http";
  ctx.outbound.original = ctx.outbound.target = step.request.target;
  ctx.content.attributes = http_attributes(step.request);
  if (!step.request.is_connect()) ctx.content.protocol = "http/1.1";
  return {};
}

// Returns nothing if the client is gone or was refused.
asio::awaitable<std::optional<http_request>> http_inbound::negotiate(pending_client& who, context& ctx,
                                                                     const dispatcher& to) const {
  if (!options_.users.empty()) {
    const bool may_log_in = co_await logins_->wait_for_turn(ctx, to);
    if (!may_log_in) co_return std::nullopt;
  }
  http_request_parser parser(options_.head);
  std::error_code ec;
  while (!ec) {
    http_request_parser::step step = parser.next(who.buffered());
    if (step.what != http_request_parser::status::need_more) {
      who.consume(step.consumed);
      const std::string refusal = judge(step, ctx, to);
      if (refusal.empty()) co_return std::move(step.request);
      co_await refuse(who.c, refusal);
      break;
    }
    co_await who.read_more(options_.head.bytes, ec);
  }
  co_return std::nullopt;
}

// The same for a request behind the first.
asio::awaitable<std::optional<http_request>> http_inbound::next_request(std::shared_ptr<http_client> client,
                                                                        context& ctx,
                                                                        const dispatcher& to) const {
  constexpr std::size_t piece = 1024;
  http_input& in = *client->input;
  std::optional<idle_client> idle(client);
  idle_timer keep_alive_timer(client->c->get_executor(), options_.keep_alive, [client] { client->drain(); });
  std::optional<deadline> limit;
  http_request_parser parser(options_.head);
  for (;; co_await in.wait()) {
    if (!in.unread().empty() && idle) {
      idle.reset();
      keep_alive_timer.stop();
      limit.emplace(client->c, options_.handshake);
    }
    http_request_parser::step step = parser.next(in.unread());
    if (step.what != http_request_parser::status::need_more) {
      in.consume(step.consumed);
      const std::string refusal = judge(step, ctx, to);
      if (refusal.empty()) co_return std::move(step.request);
      co_await refuse(client->c, refusal);
      break;
    }
    if (in.end() || (idle && client->draining)) break;
    in.read_more(std::max(piece, in.unread().size()));
  }
  co_return std::nullopt;
}

asio::awaitable<void> http_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                          admission::ticket place) const {
  pending_client who(std::move(c), ctx, std::move(place), options_.handshake);
  co_await serve(who, to);
}

// Each request is a connection of its own for the rules and the log, so it has a context of its own.
asio::awaitable<void> http_inbound::serve(pending_client& who, dispatcher& to) const {
  context ctx = who.ctx;
  auto request = co_await negotiate(who, ctx, to);
  if (!request) co_return;
  const auto client =
      std::make_shared<http_client>(who.c, who.ctx.id, who.release(), options_.relay, options_.head);
  const link_owner owner(to, who.ctx.id);
  drain_by(client);
  while (request && !request->is_connect()) {
    const bool more = co_await exchange_http(client, std::move(ctx), to, *std::move(request));
    if (!more) co_return;
    ctx = who.ctx;
    ctx.id = context::new_id();
    request = co_await next_request(client, ctx, to);
  }
  if (request)
    co_await open_tunnel(client, std::move(ctx), to, *request);
  else
    co_await close_in_order(client->c);
}

asio::awaitable<void> http_inbound::open_tunnel(std::shared_ptr<http_client> from, context ctx,
                                                dispatcher& to, const http_request& request) const {
  from->c->set_close_hooks({});
  auto c = std::make_unique<http_connect_client>(*from, request.method);
  co_await dispatch_or_accept_mux(std::move(c), std::move(ctx), to, options_.main_connections);
}

}  // namespace muxpro::proxy
