#include "proxy/inbound/shadowsocks.hpp"

#include "proxy/base/log_text.hpp"
#include "proxy/inbound/settings.hpp"
#include "proxy/net/wall_clock.hpp"
#include "proxy/shadowsocks/packet_server.hpp"
#include "proxy/shadowsocks/stream.hpp"
#include "proxy/transport/chunk_stream.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

constexpr std::string_view shadowsocks_name = "shadowsocks";

/// The longest head of SIP022, and first bytes behind it. A client that proves no key needs 75 bytes.
constexpr std::size_t longest_shadowsocks_head = 65535 + 1024;

}  // namespace

// Returns nothing if the client is gone or was refused. A refused client is read until its time is over, as a
// silent one. Thus neither the time nor the kind of the end shows how far it has come.
asio::awaitable<std::optional<request_head>> shadowsocks_inbound::read_head(pending_client& who,
                                                                            shadowsocks_handshake& reads,
                                                                            dispatcher& to) const {
  bool refused = !co_await logins_->wait_for_turn(who.ctx, to);
  for (;;) {
    std::error_code ec;
    if (!who.read_available(longest_shadowsocks_head)) co_await who.read_more(longest_shadowsocks_head, ec);
    if (ec) co_return std::nullopt;
    request_head head;
    if (refused)
      head.consumed = who.buffered().size();
    else
      head = reads.next(who.buffered(), wall_clock());
    who.consume(head.consumed);
    if (head.what == request_head::status::request) co_return std::move(head);
    if (head.what == request_head::status::stranger) logins_->failed(who.ctx, to);
    if (head.what == request_head::status::refused) note_refusal(who, head, to);
    refused = refused || head.what != request_head::status::need_more;
  }
}

void shadowsocks_inbound::note_refusal(pending_client& who, const request_head& head,
                                       const dispatcher& to) const {
  const context::inbound_part& in = who.ctx.inbound;
  to.note(log_level::warning, in.source,
          fmt::format("a connection of {} ({}) was refused: {}", shown_client(in.source, head.user.name),
                      in.tag, head.reason));
}

// Only a replay of a recorded answer brings its own salt back.
std::shared_ptr<connection> shadowsocks_inbound::answering(pending_client& who,
                                                           shadowsocks_handshake& read) const {
  const shadowsocks_method& m = options_.server->method;
  std::vector<std::byte> salt = random_bytes(m.key_size);
  options_.server->salts.first_time(salt, wall_clock());
  chunk_codecs codecs;
  codecs.opener = std::make_unique<shadowsocks_opener>(read.take_opener());
  codecs.sealer =
      std::make_unique<shadowsocks_response_sealer>(m, read.key(), read.salt(), std::move(salt), wall_clock);
  const std::vector<std::byte> behind = who.release();
  return make_chunked(who.c, std::move(codecs), behind);
}

asio::awaitable<void> shadowsocks_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                                 admission::ticket place) const {
  pending_client who(std::move(c), ctx, std::move(place), options_.handshake);
  shadowsocks_handshake reads(*options_.server, ctx.inbound.source);
  auto head = co_await read_head(who, reads, to);
  if (!head) co_return;
  ctx.inbound.protocol = shadowsocks_name;
  ctx.inbound.user = std::move(head->user);
  ctx.outbound.original = ctx.outbound.target = std::move(head->target);
  const auto own = ctx.inbound.user.relay;
  auto opened =
      std::make_unique<client>(answering(who, reads), own ? *own : options_.relay, reads.take_early());
  co_await dispatch_or_accept_mux(std::move(opened), std::move(ctx), to, options_.main_connections);
}

bool shadowsocks_inbound::admit_datagrams(context& ctx) const {
  ctx.inbound.protocol = shadowsocks_name;
  return true;
}

std::shared_ptr<sealed_datagrams> shadowsocks_inbound::open_datagrams() const {
  return std::make_shared<packet_server>(options_.server);
}

inbound_plan plan_of(const shadowsocks_inbound_options& o) {
  inbound_plan out;
  out.users = std::make_shared<accounts>(o.server->users);
  out.authenticates = true;
  plan<shadowsocks_inbound>(out, o);
  return out;
}

}  // namespace muxpro::proxy
