#include "proxy/outbound/socks.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/net/read_more.hpp"
#include "proxy/outbound/chained_datagrams.hpp"
#include "proxy/outbound/relayed_datagrams.hpp"
#include "proxy/policy/dial_outcome.hpp"
#include "proxy/socks/server.hpp"
#include "proxy/udp/datagram_drops.hpp"
#include "proxy/udp/relay_datagrams.hpp"

#include <muxpro/proxy/connection.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

namespace {

/// RFC 1928 section 7.
class socks_packets final : public packet_exchange {
 public:
  void seal(std::vector<std::byte>& out, const host_port& peer, const_bytes payload, unix_time) override {
    out.resize(max_socks_datagram_header);
    out.resize(write_socks_datagram_header(peer, out));
    out.insert(out.end(), payload.begin(), payload.end());
  }
  std::optional<opened_packet> open(bytes packet, unix_time, std::string&) override {
    auto d = read_socks_datagram(packet);
    if (!d) return std::nullopt;
    return opened_packet{std::move(d->where), d->payload};
  }
};

/// The steps of a client at a server.
struct conversation {
  conversation(std::shared_ptr<connection> s, socks_client c, const socks_outbound_options& o)
      : server(std::move(s)),
        client(std::move(c)),
        handshake(o.handshake),
        limit(std::in_place, server, o.greeting) {}

  /// Until it is connected, or before the request. Returns where the server is bound.
  asio::awaitable<host_port> run(std::error_code& ec, bool greeting_alone = false);
  asio::awaitable<void> write(const std::vector<std::byte>& message, std::error_code& ec);
  asio::awaitable<void> read(std::error_code& ec);

  const std::shared_ptr<connection> server;
  socks_client client;
  const duration handshake;
  std::optional<deadline> limit;
  std::vector<std::byte> received;  ///< in the end what follows the reply
};

asio::awaitable<host_port> conversation::run(std::error_code& ec, bool greeting_alone) {
  while (!ec) {
    const bool admitted = client.is_admitted();
    socks_client::step step = client.next(received);
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(step.consumed));
    if (client.is_admitted() && greeting_alone) break;
    if (client.is_admitted() && !admitted) limit.emplace(server, handshake);
    if (step.what == socks_client::status::connected) {
      limit.reset();
      co_return std::move(step.bound);
    }
    if (step.what == socks_client::status::refused) ec = step.error;
    if (step.what == socks_client::status::send) co_await write(step.message, ec);
    if (step.what == socks_client::status::need_more) co_await read(ec);
  }
  co_return host_port();
}

asio::awaitable<void> conversation::write(const std::vector<std::byte>& message, std::error_code& ec) {
  co_await server->write(asio::buffer(message), ec);
  if (ec && limit->expired()) ec = errc::target_timeout;
}

asio::awaitable<void> conversation::read(std::error_code& ec) {
  co_await read_more(*server, received, socks_client::max_message - received.size(), ec);
  if (ec && limit->expired()) ec = errc::target_timeout;
  if (ec == asio::error::eof) ec = errc::connection_lost;
}

}  // namespace

asio::awaitable<std::vector<std::byte>> ask_socks_server(std::shared_ptr<connection> server, host_port target,
                                                         const socks_outbound_options& options,
                                                         std::error_code& ec) {
  socks_client client(socks_command::connect, std::move(target), options.credentials);
  conversation c(std::move(server), std::move(client), options);
  co_await c.run(ec);
  co_return std::move(c.received);
}

asio::awaitable<void> greet_socks_server(std::shared_ptr<transport_dialer> server,
                                         socks_outbound_options options) {
  std::error_code ec;
  const auto there = co_await server->dial(ec);
  if (ec) throw std::system_error(ec);
  // A target that is not asked for.
  socks_client client(socks_command::connect, host_port(address("0.0.0.0"), 1), options.credentials);
  conversation c(there, std::move(client), options);
  co_await c.run(ec, true);
  if (ec) throw std::system_error(ec);
}

// A server that accepted the credentials counts as healthy, even if the target failed.
asio::awaitable<std::vector<std::byte>> socks_outbound::ask(std::shared_ptr<connection> server,
                                                            const context& ctx, client& c,
                                                            std::error_code& ec) {
  const auto began = std::chrono::steady_clock::now();
  const auto given_up = std::make_shared<bool>(false);
  c.on_abandoned([weak = std::weak_ptr(server), given_up](std::error_code) {
    *given_up = true;
    if (const auto s = weak.lock()) s->cut();
  });
  host_port target(ctx.outbound.target.host, ctx.outbound.target.port);
  socks_client asks(socks_command::connect, std::move(target), options_.credentials);
  conversation talk(server, std::move(asks), options_);
  co_await talk.run(ec);
  c.on_abandoned(nullptr);
  if (*given_up && !talk.client.is_admitted())
    server_->note_given_up(began, server->get_executor());
  else
    server_->note(talk.client.is_admitted() ? std::error_code() : ec, server->get_executor());
  co_return std::move(talk.received);
}

asio::awaitable<connection_result> socks_outbound::carry(const context& ctx, client& c) {
  const counted here(*this);
  connection_result result;
  const auto server = co_await server_->dial(result.why);
  relay_options limits = options_.relay;
  if (!result.why) limits.early_of_b = co_await ask(server, ctx, c, result.why);
  co_await c.answer(result.why, result.why);
  if (!result.why) c.hand_over(server, limits);
  co_return result;
}

relay_packets socks_outbound::packets_of(const context& ctx) const {
  std::optional<host_port> only;
  if (!ctx.datagrams.addressed) only.emplace(ctx.outbound.target.host, ctx.outbound.target.port);
  auto dropped = [drops = drops(), whose = "outbound " + ctx.outbound.tag](drop_reason why, std::uint64_t n) {
    drops->note(why, whose, n);
  };
  return {std::make_unique<socks_packets>(), std::move(only), std::move(dropped)};
}

// The request names no address of this side, because behind a NAT it would be wrong.
asio::awaitable<std::unique_ptr<datagram_stream>> socks_outbound::associate(context ctx,
                                                                            std::error_code& ec) {
  transport_dialer::socket_addresses at;
  const auto server = co_await server_->dial(ec, &at);
  if (ec) co_return nullptr;
  socks_client client(socks_command::udp_associate, host_port(), options_.credentials);
  conversation talk(server, std::move(client), options_);
  const host_port bound = co_await talk.run(ec);
  server_->note(talk.client.is_admitted() ? std::error_code() : ec, server->get_executor());
  if (!ec && server_->through()) {
    const auto behind = relay_behind(bound);
    if (!behind) ec = errc::bad_answer;
    if (ec) co_return nullptr;
    auto below = co_await server_->through()->exchange(*behind);
    co_return std::make_unique<chained_datagrams>(server, std::move(below), *behind, packets_of(ctx));
  }
  asio::ip::udp::endpoint relay;
  if (!ec) relay = co_await relay_of(bound, at.peer, ec);
  if (ec) co_return nullptr;
  auto socket = socket_for_relay(server->get_executor(), relay, at.local, at.peer, ec);
  if (ec) co_return nullptr;
  co_return std::make_unique<relayed_datagrams>(server, std::move(socket), relay, packets_of(ctx));
}

// The outbound in between reaches the server by the name or address that the configuration has.
std::optional<host_port> socks_outbound::relay_behind(const host_port& bound) const {
  const address& server = server_->target().at.host;
  const auto known = server.is_domain() ? asio::ip::address() : to_asio(server.octets());
  auto relay = socks_relay_address(bound, known);
  if (relay && !relay->host.is_domain() && to_asio(relay->host.octets()).is_unspecified())
    relay->host = server;
  return relay;
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
