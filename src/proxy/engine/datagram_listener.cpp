#include "proxy/engine/datagram_listener.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/net/local_addresses.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/net/wall_clock.hpp"
#include "proxy/policy/dial_policy.hpp"
#include "proxy/udp/datagram_drops.hpp"
#include "proxy/udp/receive_datagrams.hpp"
#include "proxy/udp/transparent_udp.hpp"

#include <asio/co_spawn.hpp>

#include <fmt/format.h>
#include <muxpro/proxy/stream_socket.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace muxpro::proxy {

using asio::ip::udp;

struct datagram_listener::source {
  source(const key& k, const context& ctx, const arrival& how, std::unique_ptr<datagram_stream> l,
         duration idle)
      : who(k),
        from(how.from),
        local(how.local),
        asked(to_host_port(how.original)),
        target(ctx.outbound.target.host, ctx.outbound.target.port),
        per_packet_target(k.redirected && target == asked),
        link(std::move(l)),
        reply_socket(link->get_executor()),
        quiet(link->get_executor(), idle, [this] { link->end(end_code::graceful); }) {}
  const key who;
  udp::endpoint from;       ///< of its newest packet
  asio::ip::address local;  ///< of this machine, where that was sent to, unspecified if there is only one
  std::shared_ptr<sealed_source> seals;  ///< null if packets are datagrams
  host_port asked;                       ///< where its last datagram was sent to, if it was redirected
  const host_port target;                ///< where they go
  const bool per_packet_target;          ///< no, each goes where it was sent to
  const std::unique_ptr<datagram_stream> link;
  order::iterator place;
  udp::socket reply_socket;  ///< has sent the last answer, if that was not from the listener's own address
  idle_timer quiet;
};

datagram_listener::datagram_listener(asio::io_context& io, const udp::endpoint& at, std::string tag,
                                     std::shared_ptr<const inbound> serves, dispatcher& to,
                                     datagram_listener_options options)
    : socket_(io, at.protocol()),
      tag_(std::move(tag)),
      serves_(std::move(serves)),
      opens_(serves_->open_datagrams()),
      to_(to),
      options_(std::move(options)),
      local_(options_.socket.transparent ? local_addresses() : std::vector<asio::ip::address>()) {
  if (options_.socket.transparent) make_transparent(socket_.native_handle());
  set_listening_options(socket_.native_handle(), options_.socket);
  if (at.address().is_unspecified()) ask_for_local_address(socket_);
  socket_.bind(at);
  socket_.non_blocking(true);
}

void datagram_listener::start() {
  asio::co_spawn(socket_.get_executor(), run(shared_from_this()), [](std::exception_ptr) {});
}

void datagram_listener::close() {
  std::error_code ignored;
  socket_.close(ignored);
  while (!sources_.empty()) drop(by_activity_.front());
}

asio::awaitable<void> datagram_listener::run([[maybe_unused]] std::shared_ptr<datagram_listener> self) {
  const auto one = [this](const arrival& how, bytes packet) { return take(how, packet); };
  // There was no memory for it, or its inbound has failed.
  const auto lost = [this] { drop_datagram(drop_reason::refused); };
  co_await receive_datagrams(socket_, one, lost);
}

bool datagram_listener::is_of_this_machine(const asio::ip::address& a) const {
  return a.is_unspecified() || a.is_loopback() || a.is_multicast() ||
         std::find(local_.begin(), local_.end(), a) != local_.end();
}

// `to` is nowhere if the listener is not transparent.
bool datagram_listener::is_redirected(const udp::endpoint& to) const {
  if (to.port() == 0) return false;
  return to.port() != socket_.local_endpoint().port() || !is_of_this_machine(unwrapped(to.address()));
}

void datagram_listener::drop_datagram(drop_reason why) const { to_.drops()->note(why, "inbound " + tag_); }

asio::awaitable<void> datagram_listener::take(const arrival& how, bytes packet) {
  return opens_ ? open(how, packet) : forward(how, packet);
}

std::shared_ptr<datagram_listener::source> datagram_listener::find(const key& who) const {
  const auto found = sources_.find(who);
  return found == sources_.end() ? nullptr : found->second;
}

// Packets that no user's key opens are dropped without an answer.
asio::awaitable<void> datagram_listener::open(const arrival& how, bytes packet) {
  std::string mistake;
  const asio::ip::address from = unwrapped(how.from.address());
  const auto opened = opens_->open(packet, from, wall_clock(), mistake);
  if (!mistake.empty())
    to_.note(log_level::warning, from,
             fmt::format("a packet of {} ({}) was dropped: {}", shown_source(from), tag_, mistake));
  if (!opened) {
    drop_datagram(drop_reason::malformed);
    co_return;
  }
  key who{how.from, how.local, false, opened->by->number()};
  if (opened->by->moves()) who = {{}, {}, false, who.client};
  auto s = find(who);
  if (!s) s = admit(who, how, &*opened);
  if (!s) {
    drop_datagram(drop_reason::unreachable);
    co_return;
  }
  s->from = how.from;
  s->local = how.local;
  co_await pass_on(*s, opened->packet.payload, opened->packet.where);
}

asio::awaitable<void> datagram_listener::forward(const arrival& how, const_bytes payload) {
  const bool redirected = is_redirected(how.original);
  const key who{how.from, redirected ? asio::ip::address() : how.local, redirected};
  auto s = find(who);
  if (!s) s = admit(who, how);
  if (!s) {
    drop_datagram(drop_reason::unreachable);
    co_return;
  }
  if (who.redirected) s->asked = to_host_port(how.original);
  const host_port target = s->per_packet_target ? s->asked : s->target;
  co_await pass_on(*s, payload, target);
}

asio::awaitable<void> datagram_listener::pass_on(source& s, const_bytes payload, const host_port& target) {
  s.quiet.touch();
  by_activity_.splice(by_activity_.end(), by_activity_, s.place);
  std::error_code lost;
  co_await s.link->send(asio::buffer(payload.data(), payload.size()), target, lost);
  if (lost) drop_datagram(drop_reason::refused);
}

// A redirected client reaches us at the address that it meant, any other at the one that it has asked.
context datagram_listener::context_of(const key& who, const arrival& how) const {
  udp::endpoint gateway = who.redirected ? how.original : socket_.local_endpoint();
  if (!who.redirected && !how.local.is_unspecified()) gateway.address(how.local);
  context ctx;
  ctx.id = context::new_id();
  ctx.inbound.tag = tag_;
  ctx.inbound.source = unwrapped(how.from.address());
  ctx.inbound.source_port = how.from.port();
  ctx.inbound.user = options_.anonymous;
  ctx.content.sniffing = options_.sniffing;
  ctx.inbound.gateway = unwrapped(gateway.address());
  ctx.inbound.gateway_port = gateway.port();
  return ctx;
}

std::shared_ptr<datagram_listener::source> datagram_listener::admit(const key& who, const arrival& how,
                                                                    const sealed_datagrams::opened* packet) {
  context ctx = context_of(who, how);
  if (packet) {
    ctx.inbound.user = packet->by->account();
    ctx.outbound.original =
        ctx.outbound.target = {network::udp, packet->packet.where.host, packet->packet.where.port};
  }
  if (!serves_->admit_datagrams(ctx)) return nullptr;
  if (sources_.size() >= options_.sources) drop(by_activity_.front());
  const auto s = std::make_shared<source>(who, ctx, how, to_.dispatch_datagrams(ctx), options_.idle);
  if (packet) s->seals = packet->by;
  order place{who};
  s->place = place.begin();
  sources_.emplace(who, s);
  by_activity_.splice(by_activity_.end(), place);
  const auto self = shared_from_this();
  try {
    asio::co_spawn(socket_.get_executor(), bring_answers(self, s),
                   [self, s](std::exception_ptr) { self->drop_if_there(s); });
  } catch (...) {
    drop(who);
    throw;
  }
  return s;
}

void datagram_listener::drop(const key& which) {
  const auto found = sources_.find(which);
  const auto s = found->second;
  sources_.erase(found);
  by_activity_.erase(s->place);
  s->link->end(end_code::graceful);
}

void datagram_listener::drop_if_there(const std::shared_ptr<source>& s) {
  if (const auto found = sources_.find(s->who); found != sources_.end() && found->second == s) drop(s->who);
}

asio::awaitable<void> datagram_listener::bring_answers(std::shared_ptr<datagram_listener> self,
                                                       std::shared_ptr<source> s) {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  std::error_code ec;
  for (;;) {
    host_port peer;
    const std::size_t n = co_await s->link->receive(asio::buffer(memory.get(), max_datagram), peer, ec);
    if (ec) co_return;
    s->quiet.touch();
    co_await self->answer(*s, asio::buffer(memory.get(), n), peer);
  }
}

// No target's datagram has an address of this machine as its source, except the one that the client has sent
// to.
asio::awaitable<void> datagram_listener::answer(source& s, asio::const_buffer data, const host_port& peer) {
  std::error_code lost;
  std::vector<std::byte> sealed;
  if (s.seals && !peer.host.valid()) co_return;
  if (s.seals) {
    const const_bytes payload(static_cast<const std::byte*>(data.data()), data.size());
    s.seals->seal(sealed, peer, payload, wall_clock());
    data = asio::buffer(sealed);
  }
  if (!s.who.redirected) {
    const packet_parts packet{data, asio::const_buffer()};
    co_await async_send_from(socket_, packet, s.from, s.local, lost);
    if (lost) drop_datagram(socket_.is_open() ? drop_reason::not_sent : drop_reason::ended);
    co_return;
  }
  const host_port& by = s.per_packet_target ? peer : s.asked;
  if (by.host.is_domain() || by.port == 0) co_return;
  const udp::endpoint self(to_asio(by.host.octets()), by.port),
      client(unwrapped(s.from.address()), s.from.port());
  if (!(by == s.asked) && is_of_this_machine(self.address())) co_return;
  if (!s.reply_socket.is_open() || s.reply_socket.local_endpoint(lost) != self)
    s.reply_socket = open_transparent_socket(socket_.get_executor(), self, options_.socket, lost);
  if (!lost) co_await s.reply_socket.async_send_to(data, client, or_error(lost));
  if (lost) drop_datagram(drop_reason::not_sent);
}

}  // namespace muxpro::proxy
