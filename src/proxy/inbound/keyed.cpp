#include "proxy/inbound/keyed.hpp"

#include "proxy/base/log_text.hpp"
#include "proxy/net/idle_timer.hpp"
#include "proxy/transport/vision.hpp"
#include "proxy/udp/datagram_drops.hpp"

#include <muxpro/proxy/stream_socket.hpp>

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

/// A head, and first bytes behind it.
constexpr std::size_t most_read = 4096;

class keyed_client final : public client {
 public:
  keyed_client(pending_client& who, const relay_options& limits, const_bytes response)
      : client(who.c, limits, who.release()), response_(response) {}
  /// `c` sends the response itself.
  keyed_client(std::shared_ptr<connection> c, const relay_options& limits) : client(std::move(c), limits) {}

 private:
  std::vector<std::byte> reply_to(std::error_code outcome) override {
    if (outcome) return {};
    return {response_.begin(), response_.end()};
  }
  bool reply_waits() const noexcept override { return true; }

  const const_bytes response_{};
};

}  // namespace

// Returns nothing if the client is gone or was refused.
asio::awaitable<std::optional<request_head>> keyed_inbound::read_head(pending_client& who,
                                                                      dispatcher& to) const {
  bool may_log_in = true;
  if (!options_.fallbacks) may_log_in = co_await logins_->wait_for_turn(who.ctx, to);
  if (!may_log_in) co_return std::nullopt;
  for (;;) {
    std::error_code ec;
    if (!who.read_available(most_read)) co_await who.read_more(most_read, ec);
    if (ec) co_return std::nullopt;
    request_head head = options_.protocol->read(who.buffered(), options_.users);
    who.consume(head.consumed);
    if (head.what == request_head::status::request) co_return std::move(head);
    if (head.what == request_head::status::need_more) continue;
    if (head.what == request_head::status::stranger) {
      co_await turn_away(who, to);
    } else {
      who.ctx.inbound.user = std::move(head.user);
      refuse(who, to, head.reason);
    }
    co_return std::nullopt;
  }
}

// A client that a fallback serves must not notice that its source has failed logins, so the limit on logins
// applies only without fallbacks.
asio::awaitable<void> keyed_inbound::turn_away(pending_client& who, dispatcher& to) const {
  bool served = false;
  if (options_.fallbacks) served = co_await options_.fallbacks->serve(who, to);
  if (served) co_return;
  logins_->failed(who.ctx, to);
  who.c->close();
}

void keyed_inbound::refuse(pending_client& who, const dispatcher& to, const char* reason) const {
  const context::inbound_part& in = who.ctx.inbound;
  to.note(log_level::warning, in.source,
          fmt::format("a connection of {} ({}) was closed: {}", shown_client(in.source, in.user.name), in.tag,
                      reason));
  who.c->close();
}

asio::awaitable<void> keyed_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                           admission::ticket place) const {
  pending_client who(std::move(c), ctx, std::move(place), options_.handshake);
  auto head = co_await read_head(who, to);
  if (head) co_await serve_request(who, *std::move(head), to);
}

asio::awaitable<void> keyed_inbound::serve_request(pending_client& who, request_head head,
                                                   dispatcher& to) const {
  who.ctx.inbound.protocol = options_.protocol->name;
  who.ctx.inbound.user = std::move(head.user);
  who.ctx.inbound.vless_route = head.vless_route;
  who.ctx.outbound.original = who.ctx.outbound.target = std::move(head.target);
  if (who.ctx.outbound.target.net == network::udp)
    co_await carry_datagrams(who, to);
  else
    co_await carry_bytes(who, head.vision, to);
}

asio::awaitable<void> keyed_inbound::carry_bytes(pending_client& who, const std::optional<uuid>& vision,
                                                 dispatcher& to) const {
  const auto own = who.ctx.inbound.user.relay;
  const relay_options& limits = own ? *own : options_.relay;
  const const_bytes response = options_.protocol->response;
  if (!vision) {
    auto c = std::make_unique<keyed_client>(who, limits, response);
    co_return co_await dispatch_or_accept_mux(std::move(c), std::move(who.ctx), to,
                                              options_.main_connections);
  }
  vision_beginning first;
  first.id = *vision;
  first.received = who.release();
  first.head.assign(response.begin(), response.end());
  auto padded = open_vision(who.c, std::move(first));
  if (!padded) co_return refuse(who, to, "The VLESS flow needs TLS or REALITY, and network raw.");
  auto c = std::make_unique<keyed_client>(std::move(padded), limits);
  co_await dispatch_or_accept_mux(std::move(c), std::move(who.ctx), to, options_.main_connections);
}

asio::awaitable<void> keyed_inbound::carry_datagrams(pending_client& who, dispatcher& to) const {
  const keyed_protocol& p = *options_.protocol;
  context ctx = std::move(who.ctx);
  ctx.datagrams.addressed = p.framing.addressed;
  framed_datagrams::beginning first;
  first.received = who.release();
  first.head.assign(p.response.begin(), p.response.end());
  first.peer = {ctx.outbound.target.host, ctx.outbound.target.port};
  auto dropped = [drops = to.drops(), whose = shown_client(ctx.inbound.source, ctx.inbound.user.name)](
                     drop_reason why, std::uint64_t n) { drops->note(why, whose, n); };
  auto stream = std::make_unique<framed_datagrams>(who.c, p.framing, std::move(first), std::move(dropped));
  if (p.framing.addressed && !co_await find_target(ctx, *stream)) co_return;
  co_await to.dispatch_datagrams(std::move(ctx), std::move(stream));
}

// The head has the address of a UDP ASSOCIATE of SOCKS, which is the client's own address or empty. Therefore
// the rules get the target of the first datagram, as for the SOCKS inbound.
asio::awaitable<bool> keyed_inbound::find_target(context& ctx, framed_datagrams& stream) const {
  const auto& own = ctx.inbound.user.relay;
  const idle_timer idle(stream.get_executor(), (own ? *own : options_.relay).idle,
                        [&stream] { stream.end(end_code::graceful); });
  std::error_code ec;
  host_port first = co_await stream.first_target(ec);
  if (first.port == 0 && !ec) ec = make_error_code(end_code::protocol_error);
  if (ec == end_code::protocol_error) stream.end(end_code::protocol_error);
  if (ec) co_return false;
  ctx.outbound.original = ctx.outbound.target = {network::udp, std::move(first.host), first.port};
  co_return true;
}

}  // namespace muxpro::proxy
