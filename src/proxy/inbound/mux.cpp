#include "proxy/inbound/mux.hpp"

#include "proxy/base/client_share.hpp"
#include "proxy/base/log_text.hpp"
#include "proxy/base/main_connection_target.hpp"
#include "proxy/inbound/main_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

// A main connection accepts its sub-streams at once, so no backlog may refuse one that max_streams allows.
mux_inbound_options with_backlog(mux_inbound_options o) {
  o.session.accept_backlog = std::max<std::uint32_t>(o.session.accept_backlog, o.session.max_streams);
  return o;
}

/// Calls `end` for a main connection as long as it exists.
std::function<void()> unless_gone(const std::shared_ptr<main_connection>& main,
                                  void (main_connection::*end)()) {
  return [weak = std::weak_ptr(main), end] {
    if (const auto m = weak.lock()) (m.get()->*end)();
  };
}

asio::awaitable<void> nothing_to_serve() { co_return; }

}  // namespace

mux_inbound::mux_inbound(mux_inbound_options options)
    : options_(with_backlog(std::move(options))),
      relay_(std::make_shared<const relay_options>(options_.relay)),
      unnegotiated_(
          std::make_shared<admission>(options_.max_unnegotiated, options_.max_unnegotiated_per_source)),
      main_connections_(std::make_shared<share_counts>()) {
  if (const std::string mistake = options_.validate(); !mistake.empty()) throw std::invalid_argument(mistake);
}

asio::awaitable<void> mux_inbound::serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                                         admission::ticket place) const {
  return serve(c, options_.session, std::move(ctx), to, std::move(place));
}

// A main connection needs no inbound once it is made.
void mux_inbound::start(std::shared_ptr<connection> c, context ctx, dispatcher& to, admission::ticket place,
                        std::shared_ptr<const void>) const {
  const auto main = make(*c, options_.session, std::move(ctx), to, std::move(place));
  if (main) main->start([c = std::move(c)] {});  // the hooks are in it
}

std::optional<main_connection_places> mux_inbound::take_places(const context::inbound_part& client) const {
  context::inbound_part anyone = client;
  anyone.user.name.clear();
  main_connection_places held;
  held.of_source = main_connections_->take(share_of(anyone), options_.max_main_connections_per_source);
  if (!held.of_source) return std::nullopt;
  if (client.user.name.empty()) return held;
  held.of_user = main_connections_->take(share_of(client), options_.max_main_connections_per_user);
  if (!held.of_user) return std::nullopt;
  return held;
}

std::shared_ptr<main_connection> mux_inbound::make(connection& c, session_options options, context ctx,
                                                   dispatcher& to, admission::ticket place) const {
  auto held = take_places(ctx.inbound);
  if (!held) {
    to.note(log_level::warning, ctx.inbound.source,
            fmt::format("a main connection of {} was closed: there are as many as are allowed",
                        shown_client(ctx.inbound.source, ctx.inbound.user.name)));
    c.close();
    return nullptr;
  }
  options.budget_user = share_of(ctx.inbound);
  ctx.inbound.protocol = name_of(options.speaks);
  session s = c.into_session(role::server, std::move(options));
  const auto main = std::make_shared<main_connection>(std::move(s), std::move(place), std::move(*held),
                                                      options_, relay_, std::move(ctx), to);
  c.set_close_hooks({unless_gone(main, &main_connection::drain), unless_gone(main, &main_connection::close)});
  return main;
}

asio::awaitable<void> mux_inbound::serve(const std::shared_ptr<connection>& c, session_options options,
                                         context ctx, dispatcher& to, admission::ticket place) const {
  const auto main = make(*c, std::move(options), std::move(ctx), to, std::move(place));
  return main ? main_connection::run(main) : nothing_to_serve();
}

asio::awaitable<void> mux_inbound::serve(std::unique_ptr<client> c, dialect speaks, context&& ctx,
                                         dispatcher& to) const {
  std::error_code ec;
  co_await c->answer({}, ec);
  if (!ec) co_await c->send_reply(ec);
  if (ec) co_return;
  session_options options = options_.session;
  options.speaks = speaks;
  if (speaks == dialect::mux_cool)
    options.write_stall_timeout = std::max(options.write_stall_timeout, options_.relay.idle);
  options.early = c->take_early();
  co_await serve(c->release(), std::move(options), std::move(ctx), to, {});
}

asio::awaitable<void> dispatch_or_accept_mux(std::unique_ptr<client> c, context&& ctx, dispatcher& to,
                                             const std::shared_ptr<const mux_inbound>& inside) {
  const auto speaks = inside ? dialect_of_main_connection(ctx.outbound.target) : std::nullopt;
  if (speaks) return inside->serve(std::move(c), *speaks, std::move(ctx), to);
  return to.dispatch(std::move(ctx), std::move(c));
}

}  // namespace muxpro::proxy
