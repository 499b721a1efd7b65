#include "proxy/outbound/socks.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/outbound/socks_datagrams.hpp"
#include "proxy/policy/dial_outcome.hpp"
#include "proxy/udp/datagram_drops.hpp"
#include "proxy/udp/relay_datagrams.hpp"

#include <muxpro/proxy/connection.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

/// The steps of `client` until it is connected. Returns where the server is bound. The bytes behind its reply
/// go to `heard`.
asio::awaitable<host_port> converse(std::shared_ptr<connection> server, socks_client client,
                                    duration handshake, std::vector<std::byte>& heard, std::error_code& ec) {
  const deadline limit(server, handshake);
  while (!ec) {
    socks_client::step step = client.next(heard);
    heard.erase(heard.begin(), heard.begin() + static_cast<std::ptrdiff_t>(step.consumed));
    if (step.what == socks_client::status::connected) co_return std::move(step.bound);
    if (step.what == socks_client::status::refused) ec = step.error;
    if (step.what == socks_client::status::send) co_await server->write(asio::buffer(step.message), ec);
    if (step.what != socks_client::status::need_more) continue;
    const std::size_t had = heard.size();
    heard.resize(socks_client::max_message);
    const std::size_t n = co_await server->read_some(asio::buffer(heard) + had, ec);
    heard.resize(had + n);
    if (ec && limit.over()) ec = errc::target_timeout;
    if (ec == asio::error::eof) ec = errc::connection_lost;
  }
  co_return host_port();
}

}  // namespace

asio::awaitable<std::vector<std::byte>> ask_socks_server(std::shared_ptr<connection> server, host_port target,
                                                         const socks_outbound_options& options,
                                                         std::error_code& ec) {
  socks_client client(socks_command::connect, std::move(target), options.credentials);
  std::vector<std::byte> heard;
  co_await converse(std::move(server), std::move(client), options.handshake, heard, ec);
  co_return heard;
}

asio::awaitable<connection_result> socks_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  const auto server = co_await server_->dial(result.why);
  relay_options limits = options_.relay;
  if (!result.why) {
    c.on_abandoned([weak = std::weak_ptr(server)](std::error_code) {
      if (const auto s = weak.lock()) s->cut();
    });
    host_port target(ctx.outbound.target.host, ctx.outbound.target.port);
    limits.early_of_b = co_await ask_socks_server(server, std::move(target), options_, result.why);
    c.on_abandoned(nullptr);
  }
  co_await c.answer(result.why, result.why);
  if (!result.why) co_await c.relay(*server, limits, result.why);
  co_return result;
}

// The request names no address of ours: behind a NAT it would be a wrong one.
asio::awaitable<std::unique_ptr<datagram_stream>> socks_outbound::associate(context ctx,
                                                                            std::error_code& ec) {
  transport_dialer::socket_addresses at;
  const auto server = co_await server_->dial(ec, &at);
  if (ec) co_return nullptr;
  socks_client client(socks_command::udp_associate, host_port(), options_.credentials);
  std::vector<std::byte> heard;
  const host_port bound = co_await converse(server, std::move(client), options_.handshake, heard, ec);
  asio::ip::udp::endpoint relay;
  if (!ec) relay = co_await relay_of(bound, at.peer, ec);
  if (ec) co_return nullptr;
  auto socket = socket_for_relay(server->get_executor(), relay, at.local, at.peer, ec);
  if (ec) co_return nullptr;
  std::optional<host_port> only;
  if (!ctx.datagrams.addressed) only.emplace(ctx.outbound.target.host, ctx.outbound.target.port);
  auto dropped = [drops = drops(), whose = "outbound " + ctx.outbound.tag](drop_reason why, std::uint64_t n) {
    drops->note(why, whose, n);
  };
  co_return std::make_unique<socks_datagrams>(server, std::move(socket), relay, std::move(only),
                                              std::move(dropped));
}

asio::awaitable<asio::ip::udp::endpoint> socks_outbound::relay_of(host_port bound, asio::ip::address server,
                                                                  std::error_code& ec) {
  const auto relay = socks_relay_address(bound, server);
  if (!relay) ec = errc::bad_answer;
  if (ec) co_return asio::ip::udp::endpoint();
  if (!relay->host.is_domain()) co_return asio::ip::udp::endpoint(to_asio(relay->host.octets()), relay->port);
  const auto found = co_await server_->find(relay->host, relay->port, ec);
  if (ec) co_return asio::ip::udp::endpoint();
  co_return asio::ip::udp::endpoint(unwrapped(found.front()), relay->port);
}

asio::awaitable<connection_result> socks_outbound::carry_datagrams(
    context ctx, std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  connection_result result;
  if (support_for_datagrams() == datagram_support::none) result.why = asio::error::operation_not_supported;
  std::unique_ptr<datagram_stream> far;
  if (!result.why) far = co_await associate(ctx, result.why);
  if (result.why == std::errc::operation_not_supported || result.why == asio::error::operation_not_supported)
    co_return co_await outbound::carry_datagrams(std::move(ctx), std::move(datagrams));
  if (result.why) {
    datagrams->end(end_code_of(result.why));
    co_return result;
  }
  std::optional<host_port> only;
  if (!ctx.datagrams.addressed) only.emplace(ctx.outbound.target.host, ctx.outbound.target.port);
  result.why =
      co_await relay_datagrams(std::move(datagrams), std::move(far), options_.relay.idle, std::move(only));
  co_return result;
}

}  // namespace muxpro::proxy
