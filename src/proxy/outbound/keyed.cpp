#include "proxy/outbound/keyed.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/base/main_connection_target.hpp"
#include "proxy/dial/next_outbound.hpp"
#include "proxy/net/read_deadline.hpp"
#include "proxy/outbound/chained_datagrams.hpp"
#include "proxy/outbound/relayed_datagrams.hpp"
#include "proxy/policy/dial_outcome.hpp"
#include "proxy/transport/chunk_stream.hpp"
#include "proxy/transport/vision.hpp"
#include "proxy/udp/datagram_drops.hpp"
#include "proxy/udp/relay_datagrams.hpp"

#include <muxpro/proxy/connection.hpp>

#include <asio/this_coro.hpp>

#include <optional>
#include <string>
#include <system_error>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_first_bytes = 8192;

/// Null and an error if the flow cannot go over `server`.
std::shared_ptr<connection> begin_vision(const std::shared_ptr<connection>& server,
                                         const keyed_outbound_options& options, const destination& target,
                                         std::error_code& ec) {
  vision_beginning first;
  first.id = *options.vision;
  first.head = options.request(target);
  first.peers_head = options.response;
  auto padded = open_vision(server, std::move(first));
  if (!padded) ec = std::make_error_code(std::errc::operation_not_supported);
  return padded;
}

// A client that has ended sends no more. The relay handles its end.
asio::awaitable<void> wait_for_first_bytes(client& c, duration limit, std::error_code& ec) {
  if (!c.early().empty()) co_return;
  read_deadline limited(c.get_executor(), limit);
  co_await c.read_early(most_first_bytes, limited.slot(), ec);
  if (limited.expired() || ec == asio::error::eof) ec.clear();
}

}  // namespace

asio::awaitable<void> keyed_outbound::request(std::shared_ptr<connection>& server, const destination& target,
                                              client& c, std::error_code& ec) {
  co_await wait_for_first_bytes(c, options_.first_bytes, ec);
  if (ec) co_return;
  const std::shared_ptr<connection> below = server;
  std::vector<std::byte> message;
  if (options_.request) message = options_.request(target);
  const std::vector<std::byte> first = c.take_early();
  if (options_.chunks) {
    chunk_codecs codecs = options_.chunks(target);
    append_sealed(message, *codecs.sealer, first);
    server = make_chunked(below, std::move(codecs), {});
  } else {
    message.insert(message.end(), first.begin(), first.end());
  }
  const auto rest = below->write_now(message);
  if (rest.size() == 0) co_return;
  const deadline limit(below, options_.handshake);
  co_await below->write(rest, ec);
}

asio::awaitable<std::shared_ptr<connection>> keyed_outbound::request_by_vision(
    std::shared_ptr<connection> server, const destination& target, client& c, std::error_code& ec) {
  const auto padded = begin_vision(server, options_, target, ec);
  if (!ec) co_await wait_for_first_bytes(c, options_.first_bytes, ec);
  if (ec) co_return server;
  const std::vector<std::byte> early = c.take_early();
  const deadline limit(server, options_.handshake);
  co_await padded->write(asio::buffer(early), ec);
  co_return padded;
}

asio::awaitable<connection_result> keyed_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  if (!ctx.outbound.target.host.valid()) result.why = errc::bad_host;
  std::shared_ptr<connection> server;
  if (!result.why) server = co_await server_->dial(result.why);
  co_await c.answer(result.why, result.why);
  relay_options limits = options_.relay;
  if (!result.why && options_.vision) {
    server = co_await request_by_vision(server, ctx.outbound.target, c, result.why);
  } else if (!result.why) {
    co_await request(server, ctx.outbound.target, c, result.why);
    limits.head_of_b = options_.response;
  }
  if (!result.why) c.hand_over(std::move(server), limits);
  co_return result;
}

count_drops keyed_outbound::drops_of(const context& ctx) const {
  return [drops = drops(), whose = "outbound " + ctx.outbound.tag](drop_reason why, std::uint64_t n) {
    drops->note(why, whose, n);
  };
}

asio::awaitable<std::unique_ptr<datagram_stream>> keyed_outbound::frame_datagrams(const context& ctx,
                                                                                  std::error_code& ec) {
  const destination& target = ctx.outbound.target;
  auto server = co_await server_->dial(ec);
  if (ec) co_return nullptr;
  framed_datagrams::beginning first;
  if (options_.request) first.head = options_.request(target);
  if (options_.chunks) server = make_chunked(server, options_.chunks(target), {});
  first.peers_head = options_.response;
  first.peer = {target.host, target.port};
  first.to_peer_alone = !options_.framing.addressed || !ctx.datagrams.addressed;
  co_return std::make_unique<framed_datagrams>(std::move(server), options_.framing, std::move(first),
                                               drops_of(ctx));
}

relay_packets keyed_outbound::packets_of(const context& ctx) const {
  std::optional<host_port> only;
  if (!ctx.datagrams.addressed) only.emplace(ctx.outbound.target.host, ctx.outbound.target.port);
  return {options_.packets(), std::move(only), drops_of(ctx)};
}

asio::awaitable<std::unique_ptr<datagram_stream>> keyed_outbound::exchange_packets(const context& ctx,
                                                                                   std::error_code& ec) {
  const host_port at = server_->target().at;
  if (const next_outbound* const next = server_->through()) {
    auto below = co_await next->exchange(at);
    co_return std::make_unique<chained_datagrams>(nullptr, std::move(below), at, packets_of(ctx));
  }
  const auto found = co_await server_->find(at.host, at.port, ec);
  if (ec) co_return nullptr;
  const asio::ip::udp::endpoint relay(unwrapped(found.front()), at.port);
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto socket = socket_for_relay(executor, relay, {}, {}, ec);
  if (ec) co_return nullptr;
  co_return std::make_unique<relayed_datagrams>(nullptr, std::move(socket), relay, packets_of(ctx));
}

asio::awaitable<connection_result> keyed_outbound::carry_datagrams(
    context ctx, std::unique_ptr<datagram_stream> datagrams) {
  const counted here(*this);
  if (support_for_datagrams() == datagram_support::none)
    co_return co_await outbound::carry_datagrams(std::move(ctx), std::move(datagrams));
  connection_result result;
  if (!ctx.outbound.target.host.valid()) result.why = errc::bad_host;
  if (options_.refuses_quic && ctx.outbound.target.port == 443) result.why = end_code::rejected;
  std::unique_ptr<datagram_stream> far;
  if (!result.why && options_.packets)
    far = co_await exchange_packets(ctx, result.why);
  else if (!result.why)
    far = co_await frame_datagrams(ctx, result.why);
  if (result.why) {
    datagrams->end(end_code_of(result.why));
    co_return result;
  }
  result.why = co_await relay_datagrams(std::move(datagrams), std::move(far), options_.relay.idle);
  co_return result;
}

asio::awaitable<session> dial_session_by_key(std::shared_ptr<transport_dialer> server,
                                             keyed_outbound_options options, session_options s) {
  std::error_code ec;
  const auto c = co_await server->dial(ec);
  if (ec) throw std::system_error(ec);
  const destination target = main_connection_target(s.speaks);
  if (options.chunks)
    co_return make_chunked(c, options.chunks(target), {})->into_session(role::client, std::move(s));
  if (options.vision) {  // sing-box refuses a main connection without the flow
    const auto padded = begin_vision(c, options, target, ec);
    if (ec) throw std::system_error(ec);
    co_return padded->into_session(role::client, std::move(s));
  }
  s.head = options.request(target);
  s.peers_head = options.response;
  co_return c->into_session(role::client, std::move(s));
}

}  // namespace muxpro::proxy
