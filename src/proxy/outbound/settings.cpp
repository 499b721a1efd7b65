#include "proxy/outbound/settings.hpp"

#include <fmt/format.h>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>

#include <memory>
#include <string>
#include <utility>

namespace muxpro::proxy {

stream_address read_server(settings& s) {
  stream_address server;
  std::string host;
  std::uint16_t port = 0;
  if (s.needs("address", "the server's name or address, or unix:PATH") &&
      s.text({"address", "The server."}, host)) {
    if (host.starts_with('/')) host.insert(0, "unix:");
    const auto path = host.starts_with("unix:") ? stream_address::parse(host) : std::nullopt;
    if (path)
      server = *path;
    else
      server.at.host = address(host);
    if (!path && !server.at.host.valid())
      s.wrong("address", fmt::format("is '{}'; it must be a name, an IP address or unix:PATH", shown(host)));
  }
  if (server.is_unix()) {
    s.refuse("port", "is there; a unix socket has none");
  } else if (s.needs("port", "a whole number from 1 to 65535")) {
    s.number<std::uint16_t>({"port", "The server's port. Not for a unix socket."}, port, 1);
  }
  server.at.port = port;
  return server;
}

namespace {

asio::awaitable<void> negotiate(session_dialer dial, std::shared_ptr<transport_dialer> server,
                                session_options options) {
  auto dialing = dial(std::move(server), std::move(options));
  session main = co_await std::move(dialing);
  co_await main.async_handshake(asio::use_awaitable);
  main.close();
}

/// It belongs to the server, so it cannot own it.
std::function<asio::awaitable<void>()> probe_of(const std::shared_ptr<transport_dialer>& server,
                                                session_dialer dial, session_options options) {
  return [weak = std::weak_ptr(server), dial = std::move(dial), options = std::move(options)] {
    return negotiate(dial, std::shared_ptr(weak), options);
  };
}

/// A main connection that has stalled counts like a negotiation that takes too long. After any other end the
/// next dial decides.
void judge(transport_dialer& server, const pool_event& e, const asio::any_io_executor& executor) {
  using kind = pool_event::kind;
  if (e.what == kind::connected) server.note({}, executor);
  const bool stalled = e.what == kind::lost && e.why == errc::stalled;
  if (stalled || e.what == kind::dial_failed) server.note(e.why, executor);
}

}  // namespace

outbound_factory multiplexed(outbound_resources& from, session_dialer dial) {
  const auto server = from.dialer();
  const mux_options mux = from.mux().value();
  server->probe_by(probe_of(server, dial, mux.pool.session));
  return [&from, server, dial = std::move(dial), mux](asio::io_context& io) {
    client_pool_options pool = mux.pool;
    pool.on_event = [server, executor = io.get_executor(), next = mux.pool.on_event](const pool_event& e) {
      judge(*server, e, executor);
      if (next) next(e);
    };
    auto connect = [server, dial, options = pool.session] { return dial(server, options); };
    return std::make_shared<mux_outbound>(io.get_executor(), std::move(connect), std::move(pool),
                                          from.relay(), mux.priority);
  };
}

}  // namespace muxpro::proxy
