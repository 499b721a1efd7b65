#include <muxpro/proxy/outbounds/socks.hpp>

#include "../or_error.hpp"

#include <muxpro/proxy/connection.hpp>

#include <asio/write.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

/// A connection's relay takes its stream for the client's side; here it is the target's.
relay_options seen_from_the_target(relay_options o) {
  std::swap(o.uplink_only, o.downlink_only);
  return o;
}

}  // namespace

asio::awaitable<std::vector<std::byte>> ask_socks_server(std::shared_ptr<connection> server, host_port target,
                                                         const socks_outbound_options& options,
                                                         std::error_code& ec) {
  const deadline limit(server, options.handshake);
  socks_client client(socks_command::connect, std::move(target), options.credentials);
  std::vector<std::byte> heard;
  while (!ec) {
    socks_client::step step = client.next(heard);
    heard.erase(heard.begin(), heard.begin() + static_cast<std::ptrdiff_t>(step.consumed));
    if (step.what == socks_client::status::connected) break;
    if (step.what == socks_client::status::refused) ec = step.error;
    if (step.what == socks_client::status::say) co_await server->write(asio::buffer(step.message), ec);
    if (step.what != socks_client::status::need_more) continue;
    const std::size_t had = heard.size();
    heard.resize(socks_client::max_message);
    const std::size_t n = co_await server->read_some(asio::buffer(heard) + had, ec);
    heard.resize(had + n);
    if (ec && limit.over()) ec = end_code::timeout;
    if (ec == asio::error::eof) ec = errc::connection_lost;
  }
  co_return heard;
}

asio::awaitable<carried> socks_outbound::carry(context c, outbound_link link) {
  const counted here(*this);
  carried result;
  const auto server = co_await server_->dial(result.why);
  std::vector<std::byte> early;
  if (!result.why) {
    link.target().on_abandoned([weak = std::weak_ptr(server)] {
      if (const auto s = weak.lock()) s->cut();
    });
    host_port target(c.outbound.target.host, c.outbound.target.port);
    early = co_await ask_socks_server(server, std::move(target), options_, result.why);
    link.target().on_abandoned(nullptr);
  }
  link.target().tell(result.why);
  if (result.why) co_return result;
  if (!link.first_data.empty()) co_await server->write(asio::buffer(link.first_data), result.why);
  if (!result.why && !early.empty())
    co_await asio::async_write(link.stream, asio::buffer(early), or_error(result.why));
  if (result.why) {
    server->cut();
    co_return result;
  }
  const relay_result relayed =
      co_await server->relay(link.stream, seen_from_the_target(options_.relay), result.why);
  result.up = link.first_data.size() + relayed.b_to_a;
  result.down = early.size() + relayed.a_to_b;
  link.target().end(result.why);
  co_return result;
}

}  // namespace muxpro::proxy
