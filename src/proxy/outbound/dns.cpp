#include "proxy/outbound/dns.hpp"

#include "proxy/base/own_query.hpp"
#include "proxy/net/dns_stream.hpp"
#include "proxy/net/idle_timer.hpp"
#include "proxy/outbound/dns_session.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

/// One question and an OPT record with room for padding.
constexpr std::size_t max_query = 4096;
/// Clients ask again soon, since the resolver has a cache of its own.
constexpr std::chrono::seconds answer_ttl(30);

}  // namespace

void dns_outbound::count_drops_in(std::shared_ptr<datagram_drops> d) {
  if (direct_) direct_->count_drops_in(d);
  outbound::count_drops_in(std::move(d));
}

// Returns an empty reply if FakeDNS does not answer.
std::vector<std::byte> dns_outbound::reply_of_fakes(const_bytes query, const dns_query& q,
                                                    name_rules::fakes_use when) const {
  using use = name_rules::fakes_use;
  if (!fakes_ || (!names_ && when == use::last)) return {};
  if (names_ && names_->fakes_for(q.name()) != when) return {};
  return fakes_->answer(query);
}

std::vector<std::byte> dns_outbound::reply_with(const dns_query& q,
                                                const std::vector<asio::ip::address>& found,
                                                std::error_code why) const {
  if (const auto code = names_->rcode_of(q.name())) return q.failure(*code);
  if (why == asio::error::host_not_found) return q.failure(dns_failure::no_such_name);
  // A name that has no address of this family exists all the same.
  const bool exists = !why || why == errc::target_unreachable || why == asio::error::no_data;
  if (!exists) return q.failure(dns_failure::server);
  std::vector<address> addresses;
  for (const auto& a : found) addresses.emplace_back(a.to_string());
  return q.reply(addresses, answer_ttl);
}

// A client's own choice of a server is under the policy for clients.
context dns_outbound::forwarded(const context& ctx, const host_port& asked) const {
  context out = ctx;
  out.id = context::new_id();
  out.inbound.carrier = 0;
  out.datagrams = {};
  destination& to = out.outbound.target;
  to = {options_.net.value_or(ctx.outbound.target.net), options_.host.value_or(asked.host),
        options_.port ? options_.port : asked.port};
  if (options_.host) out.inbound.protocol = own_queries;
  return out;
}

asio::awaitable<void> dns_outbound::answer_stream(const context& ctx, client& c, std::error_code& ec) {
  idle_timer quiet(c.get_executor(), idle, [&c] { c.cut(); });
  const auto session = std::make_shared<dns_session>(
      *this, ctx, c.get_executor(), [&](std::vector<std::byte> reply, host_port) -> asio::awaitable<void> {
        std::error_code lost;
        std::vector<std::byte> out;
        append_dns_message(out, reply);
        quiet.touch();
        if (!reply.empty()) co_await c.write(asio::buffer(out), lost);
        if (reply.empty() || lost) c.cut();  // it was no query
      });
  const host_port server(ctx.outbound.target.host, ctx.outbound.target.port);
  while (!ec) {
    std::vector<std::byte> query = co_await read_dns_message(c, max_query, ec);
    quiet.touch();
    host_port peer = server;
    if (!ec) co_await session->take(std::move(query), std::move(peer));
  }
  if (ec != asio::error::eof) session->cut();
  co_await session->finish();
}

asio::awaitable<connection_result> dns_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  co_await c.answer({}, result.why);
  if (!result.why) co_await answer_stream(ctx, c, result.why);
  if (result.why == asio::error::eof) {
    result.why = {};
    co_await c.finish();
  }
  co_return result;
}

// A client asks from a port of its own each time, so what it held is given up soon.
asio::awaitable<connection_result> dns_outbound::carry_datagrams(context ctx,
                                                                 std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  idle_timer quiet(datagrams->get_executor(), idle, [d = datagrams.get()] { d->end(end_code::graceful); });
  const auto session = std::make_shared<dns_session>(
      *this, ctx, datagrams->get_executor(),
      [&](std::vector<std::byte> reply, host_port peer) -> asio::awaitable<void> {
        std::error_code lost;
        quiet.touch();
        if (!reply.empty()) co_await datagrams->send(asio::buffer(reply), peer, lost);
      });
  std::array<std::byte, max_query> query;
  host_port peer;
  std::error_code ec;
  while (!ec) {
    const std::size_t n = co_await datagrams->receive(asio::buffer(query), peer, ec);
    const bool too_large = ec == asio::error::message_size;
    if (too_large) ec = {};
    if (too_large || ec) continue;
    quiet.touch();
    std::vector<std::byte> asked(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(n));
    host_port from = peer;
    co_await session->take(std::move(asked), std::move(from));
  }
  session->cut();
  co_await session->finish();
  co_return connection_result();
}

}  // namespace muxpro::proxy
