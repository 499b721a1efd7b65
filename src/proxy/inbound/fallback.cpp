#include "proxy/inbound/fallback.hpp"

#include "proxy/base/proxy_protocol.hpp"
#include "proxy/engine/live_connection.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace muxpro::proxy {

fallback_servers::fallback_servers(std::vector<fallback> all, const relay_options& limits)
    : rules_(all), limits_(limits) {
  for (const fallback& f : all) {
    auto& dialer = dialers_[to_string(f.to)];
    if (!dialer) dialer = std::make_shared<transport_dialer>(f.to, transport_options());
  }
}

asio::awaitable<bool> fallback_servers::serve(pending_client& who, dispatcher& to) const {
  const connection::greeting& asked = who.c->greeted_with();
  const fallback* const f = rules_.find(asked.name, asked.alpn, who.buffered());
  if (!f) co_return false;
  client c(who.c, limits_, who.release());
  co_await carry(std::move(who.ctx), c, *f, to);
  co_return true;
}

asio::awaitable<void> fallback_servers::carry(context ctx, client& c, const fallback& f,
                                              dispatcher& to) const {
  ctx.outbound.original = ctx.outbound.target = {network::tcp, f.to.at.host, f.to.at.port};
  ctx.outbound.tag = fmt::format("fallback {}", to_string(f.to));
  connection_result result;
  {
    const auto bytes = std::make_shared<relay_bytes>();
    c.count_in(bytes);
    const auto live = to.count(ctx, bytes);
    const auto server = co_await dial(ctx, f, result.why);
    if (!result.why) co_await c.answer({}, result.why);
    if (!result.why) co_await c.relay(*server, limits_, result.why);
    to.end(*live, result);
  }
  co_await c.end(result.why);
}

asio::awaitable<std::shared_ptr<connection>> fallback_servers::dial(const context& ctx, const fallback& f,
                                                                    std::error_code& ec) const {
  const auto server = co_await dialers_.at(to_string(f.to))->dial(ec);
  if (ec || f.proxy_header == 0) co_return server;
  const context::inbound_part& in = ctx.inbound;
  const std::vector<std::byte> header =
      proxy_header(f.proxy_header, {in.source, in.source_port}, {in.gateway, in.gateway_port});
  co_await server->write(asio::buffer(header), ec);
  co_return server;
}

asio::awaitable<void> serve_turned_away(std::shared_ptr<connection> c, context ctx, dispatcher& to) {
  const std::shared_ptr<connection::detour> detour = c->turned_away();
  const context::inbound_part& in = ctx.inbound;
  to.note(log_level::info, in.source,
          fmt::format("{} {} {}: the client is connected with {}: {}", ctx.id, shown_source(in.source),
                      in.tag, detour->name, detour->reason));
  ctx.outbound.original = ctx.outbound.target = {network::tcp, detour->at.host, detour->at.port};
  ctx.outbound.tag = fmt::format("target {}", detour->name);
  connection_result result;
  client who(std::move(c), relay_options());
  {
    const auto bytes = std::make_shared<relay_bytes>();
    who.count_in(bytes);
    const auto live = to.count(std::move(ctx), bytes);
    relay_options limits;
    limits.early_of_b = std::move(detour->early);
    co_await who.answer({}, result.why);
    co_await who.relay(*detour->to, limits, result.why);
    to.end(*live, result);
  }
  co_await who.end(result.why);
}

}  // namespace muxpro::proxy
