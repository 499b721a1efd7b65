#include "proxy/outbound/dns.hpp"

#include "proxy/base/client_share.hpp"
#include "proxy/fake_dns/dns_query.hpp"
#include "proxy/net/quiet_timer.hpp"

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

namespace {

/// All of `into`; less with an error.
asio::awaitable<void> read_all(client& c, bytes into, std::error_code& ec) {
  for (std::size_t n = 0; n < into.size() && !ec;)
    n += co_await c.read_some(asio::buffer(into.data(), into.size()) + n, ec);
}

std::size_t length_in(const_bytes two) {
  return std::to_integer<std::size_t>(two[0]) << 8 | std::to_integer<std::size_t>(two[1]);
}

}  // namespace

// Messages behind their lengths (RFC 1035 section 4.2.2). Another one ends the connection.
asio::awaitable<void> dns_outbound::answer(context ctx, client& c, std::error_code& ec) const {
  quiet_timer quiet(c.get_executor(), idle, [&c] { c.cut(); });
  std::array<std::byte, 2 + max_query> room;
  for (;;) {
    co_await read_all(c, bytes(room).first(2), ec);
    if (ec) break;
    const std::size_t size = length_in(room);
    if (size > max_query) ec = std::make_error_code(std::errc::bad_message);
    if (!ec) co_await read_all(c, bytes(room).first(size), ec);
    if (ec) break;
    std::vector<std::byte> query(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
    std::vector<std::byte> reply = co_await reply_to(std::move(query), share_of(ctx.inbound));
    if (reply.empty()) ec = std::make_error_code(std::errc::bad_message);
    if (ec) break;
    const auto length = static_cast<std::uint16_t>(reply.size());
    reply.insert(reply.begin(), {static_cast<std::byte>(length >> 8), static_cast<std::byte>(length & 255)});
    co_await c.write(asio::buffer(reply), ec);
    if (ec) break;
    quiet.touch();
  }
}

// Names that need no query are answered as well: those of "hosts" first of all.
asio::awaitable<std::vector<std::byte>> dns_outbound::reply_to(std::vector<std::byte> query,
                                                               std::string asker) const {
  if (fakes_) co_return fakes_->answer(query);
  const dns_query q(query);
  if (q.is_answered()) co_return q.answer();
  dial_options options;
  options.family = q.family() == address::kind::ipv4 ? dial_family::only_ipv4 : dial_family::only_ipv6;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto look_up = std::make_shared<dial>(executor, *names_, *policy_, options, std::move(asker));
  std::error_code ec;
  const auto found = co_await look_up->find(address(q.name()), 0, ec);
  std::vector<address> addresses;
  for (const auto& a : found) addresses.emplace_back(a.to_string());
  const bool unknown = look_up->in_detail(ec) == asio::error::host_not_found;
  if (unknown) co_return q.failure(dns_failure::no_such_name);
  // A name that has no address of this family exists all the same.
  if (ec && look_up->in_detail(ec) != errc::target_unreachable) co_return q.failure(dns_failure::server);
  co_return q.reply(addresses, answer_ttl);
}

asio::awaitable<connection_result> dns_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  co_await c.answer({}, result.why);
  if (!result.why) co_await answer(ctx, c, result.why);
  if (result.why == asio::error::eof) {
    result.why = {};
    co_await c.finish();
  }
  co_return result;
}

// A client asks from a port of its own each time: what it held is given up soon.
asio::awaitable<connection_result> dns_outbound::carry_datagrams(context ctx,
                                                                 std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  quiet_timer quiet(datagrams->get_executor(), idle, [d = datagrams.get()] { d->end(end_code::graceful); });
  std::array<std::byte, max_query> query;
  host_port peer;
  for (;;) {
    std::error_code ec;
    const std::size_t n = co_await datagrams->receive(asio::buffer(query), peer, ec);
    if (ec == asio::error::message_size) continue;
    if (ec) break;
    std::vector<std::byte> asked(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(n));
    const std::vector<std::byte> said = co_await reply_to(std::move(asked), share_of(ctx.inbound));
    if (!said.empty()) co_await datagrams->send(asio::buffer(said), peer, ec);
    if (ec) break;
    quiet.touch();
  }
  co_return connection_result();
}

}  // namespace muxpro::proxy
