#include "proxy/inbound/socks.hpp"

#include "proxy/inbound/socks_association.hpp"

#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

// Returns nothing if the client is gone or was refused.
asio::awaitable<std::optional<socks_request>> socks_inbound::negotiate(pending_client& who,
                                                                       const dispatcher& to) const {
  if (!options_.users.empty()) {
    const bool may_log_in = co_await logins_->wait_for_turn(who.ctx, to);
    if (!may_log_in) co_return std::nullopt;
  }
  socks_handshake handshake(options_.users);
  std::error_code ec;
  while (!ec) {
    socks_handshake::step step = handshake.next(who.buffered());
    who.consume(step.consumed);
    if (step.what == socks_handshake::status::request) co_return std::move(step.request);
    if (step.what == socks_handshake::status::refused) {
      if (step.wrong_secret) logins_->failed(who.ctx, to);
      co_await write_and_close(who.c, step.reply);
      break;
    }
    if (step.what == socks_handshake::status::need_more) {
      co_await who.read_more(2 * socks_handshake::max_message, ec);
      continue;
    }
    const auto rest = who.c->write_now(step.reply);
    if (rest.size() > 0) co_await who.c->write(rest, ec);
  }
  co_return std::nullopt;
}

asio::awaitable<void> socks_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                           admission::ticket place) const {
  pending_client who(std::move(c), ctx, std::move(place), options_.handshake);
  co_await serve(who, to);
}

asio::awaitable<void> socks_inbound::serve(pending_client& who, dispatcher& to) const {
  const auto request = co_await negotiate(who, to);
  if (!request) co_return;
  who.ctx.inbound.protocol = "socks";
  if (request->user) who.ctx.inbound.user = *request->user;
  who.ctx.outbound.original = who.ctx.outbound.target = request->target;
  if (request->command == socks_command::connect) {
    co_await connect(who, to, request->version);
  } else {
    who.release();
    co_await associate(std::move(who.c), std::move(who.ctx), to);
  }
}

namespace {

class socks_connect_client final : public client {
 public:
  socks_connect_client(pending_client& who, const relay_options& limits, socks_version version)
      : client(who.c, limits, who.release()), version_(version) {}

 private:
  std::vector<std::byte> reply_to(std::error_code outcome) override { return socks_reply(version_, outcome); }

  const socks_version version_;
};

}  // namespace

asio::awaitable<void> socks_inbound::connect(pending_client& who, dispatcher& to,
                                             socks_version version) const {
  auto c = std::make_unique<socks_connect_client>(who, options_.relay, version);
  co_await dispatch_or_accept_mux(std::move(c), std::move(who.ctx), to, options_.main_connections);
}

// The target is not known to the rules yet, so they are asked where any target could lead.
std::error_code socks_inbound::refuse_association(const context& ctx, const dispatcher& to,
                                                  std::uint32_t others) const {
  if (!options_.udp) return std::make_error_code(std::errc::operation_not_supported);
  if (others >= options_.max_associations) return errc::out_of_room;
  context datagrams = ctx;
  datagrams.outbound.target.net = network::udp;
  switch (to.support_for_datagrams(datagrams)) {
    case datagram_support::none: return std::make_error_code(std::errc::operation_not_supported);
    case datagram_support::discarded: return errc::target_rejected;
    default: return {};
  }
}

// The connection carries no more data. The association lives as long as it does.
asio::awaitable<void> socks_inbound::associate(std::shared_ptr<connection> c, context ctx,
                                               dispatcher& to) const {
  const struct place {
    explicit place(std::shared_ptr<std::atomic<std::uint32_t>> n) : taken(std::move(n)), before((*taken)++) {}
    place(const place&) = delete;
    ~place() { --*taken; }
    const std::shared_ptr<std::atomic<std::uint32_t>> taken;
    const std::uint32_t before;
  } mine(associations_);
  const std::error_code refusal = refuse_association(ctx, to, mine.before);
  const struct lifetime {
    ~lifetime() { association->end(); }
    const std::shared_ptr<socks_association> association;
  } of{std::make_shared<socks_association>(c->get_executor(), std::move(ctx), to, options_.relay.idle,
                                           [&client = *c] { client.close(); })};
  std::error_code ec = refusal;
  host_port at;
  if (!ec) at = of.association->open(options_.udp_address, ec);
  const std::vector<std::byte> answer = socks_associate_reply(ec, at);
  if (ec) {
    co_await write_and_close(c, answer);
    co_return;
  }
  of.association->start();
  co_await c->write(asio::buffer(answer), ec);
  std::array<std::byte, 64> dropped;
  while (!ec) co_await c->read_some(asio::buffer(dropped), ec);
}

}  // namespace muxpro::proxy
