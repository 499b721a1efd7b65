#include "proxy/outbound/dns_session.hpp"

#include "proxy/base/client_share.hpp"
#include "proxy/base/own_query.hpp"
#include "proxy/net/dns_stream.hpp"
#include "proxy/net/idle_timer.hpp"
#include "proxy/net/or_error.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include <array>
#include <chrono>
#include <exception>
#include <utility>

namespace muxpro::proxy {

namespace {

/// A client asks again after 5 s (resolv.conf(5)).
constexpr duration forwarding_limit = std::chrono::seconds(5);
constexpr std::size_t longest_forwarded = 65535, longest_forwarded_datagram = 4096;
constexpr std::size_t forwarding_capacity = 16 * 1024;

struct writing_turn {
  explicit writing_turn(semaphore& s) : of(s) {}
  writing_turn(const writing_turn&) = delete;
  ~writing_turn() { of.release(); }
  semaphore& of;
};

asio::awaitable<void> carry_forwarded(std::shared_ptr<outbound> by, context ctx,
                                      std::unique_ptr<datagram_stream> datagrams) {
  co_await by->carry_datagrams(std::move(ctx), std::move(datagrams));
}

asio::awaitable<void> carry_forwarded(std::shared_ptr<outbound> by, context ctx,
                                      std::unique_ptr<link_client> c) {
  const connection_result result = co_await by->carry_to_end(ctx, *c);
  co_await c->end(result.why);
}

bool has_same_id(const_bytes a, const_bytes b) {
  return a.size() >= 2 && b.size() >= 2 && a[0] == b[0] && a[1] == b[1];
}

}  // namespace

dns_session::dns_session(dns_outbound& of, const context& ctx, asio::any_io_executor executor, sender s)
    : of_(of), ctx_(ctx), send_(std::move(s)), places_(executor, at_a_time), writing_(executor, 1) {}

asio::awaitable<void> dns_session::take(message query, host_port asked) {
  std::error_code ec;
  co_await places_.async_acquire(1, or_error(ec));
  if (ec) co_return;
  const auto stop = under_way_.emplace(under_way_.end());
  auto ended = [self = shared_from_this(), stop](std::exception_ptr) {
    self->under_way_.erase(stop);
    self->places_.release();
  };
  asio::co_spawn(places_.get_executor(), answer(shared_from_this(), std::move(query), std::move(asked)),
                 asio::bind_cancellation_slot(stop->slot(), std::move(ended)));
}

void dns_session::cut() {
  for (auto& stop : under_way_) stop.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> dns_session::finish() {
  std::error_code ec;
  co_await places_.async_acquire(at_a_time, or_error(ec));
}

asio::awaitable<void> dns_session::answer(std::shared_ptr<dns_session>, message query, host_port asked) {
  co_await reply_by_rules(std::move(query), std::move(asked));
}

asio::awaitable<void> dns_session::send(message reply, host_port asked) {
  std::error_code ec;
  co_await writing_.async_acquire(1, or_error(ec));
  if (ec) co_return;
  const writing_turn turn(writing_);
  co_await send_(std::move(reply), std::move(asked));
}

// The program's own queries that come here are not its clients'. To answer them would be to ask again.
asio::awaitable<void> dns_session::reply_by_rules(message query, host_port asked) {
  const dns_query q(query);
  dns_rules::decision by{dns_action::forward, 0};
  if (!is_own_query(ctx_.inbound)) by = q.is_question() ? of_.decide(q) : dns_rules::decision();
  if (by.action == dns_action::drop) co_return;
  message reply;
  if (by.action == dns_action::forward) {
    message copy = query;
    host_port to = asked;
    reply = co_await forward(std::move(copy), std::move(to));
    if (reply.empty()) co_return;
  } else if (by.action == dns_action::refuse) {
    reply = q.failure(by.code);
  } else if (q.is_answered()) {
    reply = q.answer();
  } else {
    reply = of_.reply_of_fakes(query, q, name_rules::fakes_use::first);
    if (reply.empty()) reply = co_await find(q);
  }
  co_await send(std::move(reply), std::move(asked));
}

// Names that need no query are answered as well, those of "hosts" first of all.
asio::awaitable<dns_session::message> dns_session::find(const dns_query& q) {
  dial_options options;
  options.family = q.family() == address::kind::ipv4 ? dial_family::only_ipv4 : dial_family::only_ipv6;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto look_up = std::make_shared<connect_operation>(executor, *of_.names_, *of_.policy_, options,
                                                           share_of(ctx_.inbound));
  std::error_code ec;
  address name(q.name());
  const auto found = co_await look_up->find(std::move(name), 0, ec);
  if (found.empty()) {
    message fake = of_.reply_of_fakes(q.bytes(), q, name_rules::fakes_use::last);
    if (!fake.empty()) co_return fake;
  }
  co_return of_.reply_with(q, found, look_up->system_error_of(ec));
}

// Returns an empty message without a reply.
asio::awaitable<dns_session::message> dns_session::forward(message query, host_port asked) {
  if (!of_.direct_) co_return dns_query(query).failure(static_cast<unsigned>(dns_failure::refused));
  context ctx = of_.forwarded(ctx_, asked);
  if (ctx.outbound.target.net == network::udp)
    co_return co_await forward_datagram(std::move(ctx), std::move(query));
  co_return co_await forward_in_stream(std::move(ctx), std::move(query));
}

asio::awaitable<dns_session::message> dns_session::forward_datagram(context ctx, message query) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto [near, far] = make_datagram_link(executor);
  const std::unique_ptr<datagram_stream> link = std::move(near);
  const host_port to(ctx.outbound.target.host, ctx.outbound.target.port);
  asio::co_spawn(executor, carry_forwarded(of_.direct_, std::move(ctx), std::move(far)),
                 [](std::exception_ptr) {});
  const idle_timer limit(executor, forwarding_limit, [d = link.get()] { d->end(end_code::graceful); });
  std::error_code ec;
  co_await link->send(asio::buffer(query), to, ec);
  std::vector<std::byte> room(longest_forwarded_datagram);
  host_port from;
  while (!ec) {
    const std::size_t n = co_await link->receive(asio::buffer(room), from, ec);
    if (ec || (!to.host.is_domain() && from != to)) continue;
    room.resize(n);
    if (has_same_id(room, query)) co_return room;
    room.resize(longest_forwarded_datagram);
  }
  co_return message();
}

asio::awaitable<dns_session::message> dns_session::forward_in_stream(context ctx, message query) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto [near, far] = make_link(executor, forwarding_capacity);
  target_link link = std::move(near);
  asio::co_spawn(executor, carry_forwarded(of_.direct_, std::move(ctx), std::move(far)),
                 [](std::exception_ptr) {});
  const std::unique_ptr<connection> stream = make_connection(std::move(link.stream));
  const idle_timer limit(executor, forwarding_limit, [c = stream.get()] { c->cut(); });
  std::vector<std::byte> out;
  append_dns_message(out, query);
  std::error_code ec;
  co_await stream->write(asio::buffer(out), ec);
  message reply;
  if (!ec) reply = co_await read_dns_message(*stream, longest_forwarded, ec);
  stream->cut();
  co_return ec ? message() : std::move(reply);
}

}  // namespace muxpro::proxy
