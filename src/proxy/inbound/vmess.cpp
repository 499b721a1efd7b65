#include "proxy/inbound/vmess.hpp"

#include "proxy/base/log_text.hpp"
#include "proxy/inbound/settings.hpp"
#include "proxy/net/wall_clock.hpp"
#include "proxy/policy/replay_filter.hpp"
#include "proxy/policy/tried_users.hpp"
#include "proxy/transport/chunk_stream.hpp"
#include "proxy/vmess/body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <utility>

namespace muxpro::proxy {

namespace {

/// As many bytes as V2Ray and Xray read of a connection that they do not serve. The number reveals no
/// information to a prober, because it does not depend on what was wrong.
std::size_t bytes_to_drop() {
  constexpr std::size_t least = 54, most = 54 + 3266 + 64;
  std::random_device random;
  return std::uniform_int_distribution<std::size_t>(least, most)(random);
}

/// A head, and first bytes behind it.
constexpr std::size_t most_at_a_time = 4096;

}  // namespace

/// Of all its threads.
struct vmess_inbound::memory {
  explicit memory(const accounts& users) : by_source(users) {}

  tried_users by_source;
  /// A clock may be off in both directions.
  replay_filter<vmess_auth_id> auth_ids{2 * vmess_clock_tolerance};
  /// The key and the IV of a body. Remembered for 3 minutes, as in Xray's documentation.
  replay_filter<32> bodies{180};
  login_guard logins;
  const std::size_t dropped = bytes_to_drop();
};

vmess_inbound::vmess_inbound(vmess_inbound_options options)
    : options_(std::move(options)),
      behind_(options_.keyed),
      memory_(std::make_shared<memory>(options_.keyed.users)) {}

asio::awaitable<void> vmess_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                           admission::ticket place) const {
  pending_client who(std::move(c), ctx, std::move(place), options_.keyed.handshake);
  auto request = co_await read_request(who, to);
  if (!request) co_return;
  const std::vector<std::byte> behind = who.release();
  who.c = make_chunked(who.c, vmess_server_codecs(request->body), behind);
  co_await behind_.serve_request(who, std::move(request->head), to);
}

// Returns nothing if the client is gone or was refused.
asio::awaitable<std::optional<vmess_request>> vmess_inbound::read_request(pending_client& who,
                                                                          dispatcher& to) const {
  const bool may_log_in = co_await memory_->logins.wait_for_turn(who.ctx, to);
  std::optional<accounts::tried_user> user;
  while (may_log_in) {
    std::error_code ec;
    if (!who.read_available(most_at_a_time)) co_await who.read_more(most_at_a_time, ec);
    if (ec) break;
    if (who.buffered().size() < vmess_auth_id) continue;
    if (!user) user = find_user(who, to);
    vmess_request request;
    if (user) request = read_vmess_request(who.buffered(), vmess_user(user->key));
    if (user && request.head.what == request_head::status::need_more) continue;
    request.head.user = user ? std::move(user->user) : user_account();
    const bool accepted = user && accepts(who, request, who.buffered().first(vmess_auth_id), to);
    if (!accepted) {
      co_await turn_away(who);
      break;
    }
    who.consume(request.head.consumed);
    co_return std::move(request);
  }
  co_return std::nullopt;
}

std::optional<accounts::tried_user> vmess_inbound::find_user(pending_client& who,
                                                             const dispatcher& to) const {
  const const_bytes id = who.buffered().first(vmess_auth_id);
  std::optional<std::int64_t> sent;
  auto user = memory_->by_source.find(who.ctx.inbound.source, [&](const std::string& key) {
    sent = open_auth_id(vmess_user(key).auth_key, id);
    return sent.has_value();
  });
  if (!user) {
    memory_->logins.failed(who.ctx, to);
    return std::nullopt;
  }
  const std::int64_t off = *sent - wall_clock().time_since_epoch().count();
  if (off >= -vmess_clock_tolerance && off <= vmess_clock_tolerance) return user;
  const context::inbound_part& in = who.ctx.inbound;
  to.note(log_level::warning, in.source,
          fmt::format("a connection of {} ({}) was refused: the client's clock is {} by {} s, and {} s are "
                      "allowed",
                      shown_client(in.source, user->user.name), in.tag, off < 0 ? "slow" : "fast",
                      std::abs(off), vmess_clock_tolerance));
  return std::nullopt;
}

bool vmess_inbound::accepts(pending_client& who, const vmess_request& r, const_bytes auth_id,
                            const dispatcher& to) const {
  const char* reason = nullptr;
  if (r.head.what == request_head::status::stranger)
    reason = "Its head is not authentic.";
  else if (r.head.what == request_head::status::refused)
    reason = r.head.reason;
  else if (options_.encrypted_only && !r.body.encrypted())
    reason = "The client does not encrypt.";
  std::array<std::byte, 32> body{};
  std::copy(r.body.iv.begin(), r.body.iv.end(),
            std::copy(r.body.key.begin(), r.body.key.end(), body.begin()));
  const std::int64_t now = wall_clock().time_since_epoch().count();
  if (!reason && !(memory_->auth_ids.first_time(auth_id, now) && memory_->bodies.first_time(body, now)))
    reason = "The request is a replay.";
  if (!reason) return true;
  const context::inbound_part& in = who.ctx.inbound;
  to.note(log_level::warning, in.source,
          fmt::format("a connection of {} ({}) was refused: {}", shown_client(in.source, r.head.user.name),
                      in.tag, reason));
  return false;
}

// The number of bytes read reveals no information to a prober. TLS hides it anyway.
asio::awaitable<void> vmess_inbound::turn_away(pending_client& who) const {
  std::error_code ec;
  if (who.c->stream_to_relay().has_goodbye()) ec = asio::error::eof;
  for (std::size_t left = memory_->dropped; !ec;) {
    left -= std::min(left, who.buffered().size());
    who.consume(who.buffered().size());
    if (left == 0) break;
    co_await who.read_more(std::min(left, most_at_a_time), ec);
  }
  who.c->close();
}

inbound_plan plan_of(const vmess_inbound_options& o) {
  inbound_plan out;
  out.users = std::make_shared<accounts>(o.keyed.users);
  out.authenticates = out.carries_datagrams = true;
  plan<vmess_inbound>(out, o);
  return out;
}

}  // namespace muxpro::proxy
