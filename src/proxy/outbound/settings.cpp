#include "proxy/outbound/settings.hpp"

#include "proxy/outbound/split_outbound.hpp"

#include <fmt/format.h>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muxpro::proxy {

proxy_user read_proxy_user(settings& u) {
  proxy_user out;
  u.needs("user", "the name of a user");
  u.needs("pass", "the user's password");
  const bool named = u.text({"user", "The name, 1 to 255 bytes."}, out.name);
  const bool has_secret =
      u.secret({"pass", "The password, 1 to 255 bytes. No message shows it."}, out.secret);
  const auto fits = [](const std::string& s) { return !s.empty() && s.size() <= 255; };
  if (named && has_secret && !(fits(out.name) && fits(out.secret)))
    u.wrong("must have 1 to 255 bytes in user and pass");
  return out;
}

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
      s.wrong("address",
              fmt::format("is '{}'; it must be a name, an IP address or unix:PATH", sanitized(host)));
  }
  if (server.is_unix()) {
    s.refuse("port", "is not allowed; a unix socket has no port");
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

/// V2Ray's downlinkOnly is 5 s. A client that has closed its connection keeps a sub-stream of Mux.Cool so
/// long.
constexpr auto longest_linger = std::chrono::seconds(5);

outbound_factory pool_of(outbound_resources& from, session_dialer dial, mux_options mux) {
  session_options& session = mux.pool.session;
  if (session.speaks == dialect::mux_cool) {
    session.half_close_linger = std::min<duration>(from.relay().downlink_only, longest_linger);
    // A server may stop reading for a sub-stream that is alone and slow.
    session.write_stall_timeout = std::max(session.write_stall_timeout, from.relay().idle);
  }
  const auto server = from.dialer();
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

/// A connection for each sub-stream, which is of a client's socket (single XUDP).
mux_options single_of(const outbound_resources& from) {
  mux_options mux = from.mux().value_or(mux_options());
  mux.pool.max_concurrency = mux.pool.max_reuse = 1;
  mux.pool.max_connections = 65535;  // a file descriptor each
  mux.pool.session.speaks = dialect::mux_cool;
  mux.pool.session.single = true;
  return mux;
}

/// Each kind of outbound to a server, and which of them are used.
struct multiplexed_outbounds {
  enum kind : std::size_t { native, shared, apart, single, count };

  std::shared_ptr<outbound> made_by(asio::io_context& io) const {
    std::array<std::shared_ptr<outbound>, count> made;
    const auto get = [&](kind w) {
      if (!made[w]) made[w] = make[w](io);
      return made[w];
    };
    split_outbound::choices w{get(streams), get(datagrams), quic ? get(*quic) : nullptr};
    if (w.streams == w.datagrams && w.datagrams == w.quic) return w.streams;
    return std::make_shared<split_outbound>(std::move(w));
  }

  std::array<outbound_factory, count> make;
  kind streams = native, datagrams = native;
  std::optional<kind> quic = native;
};

void choose_by(const mux_options& mux, multiplexed_outbounds& to) {
  using kinds = multiplexed_outbounds;
  using quic = mux_options::quic_handling;
  if (mux.streams) to.streams = kinds::shared;
  if (!mux.datagrams)
    to.datagrams = kinds::native;
  else if (*mux.datagrams > 0)
    to.datagrams = kinds::apart;
  else if (mux.streams)
    to.datagrams = kinds::shared;
  to.quic = to.datagrams;
  if (mux.quic == quic::without_mux) to.quic = kinds::native;
  if (mux.quic == quic::refused) to.quic = std::nullopt;
}

}  // namespace

outbound_factory multiplexed(outbound_resources& from, session_dialer dial) {
  const mux_options mux = from.mux().value();
  const auto server = from.dialer();
  server->probe_by(probe_of(server, dial, mux.pool.session));
  return pool_of(from, std::move(dial), mux);
}

outbound_factory multiplexed_as_configured(outbound_resources& from, const std::optional<mux_options>& mux,
                                           session_dialer dial, native_ways native) {
  if (!mux && !native.single_xudp) return std::move(native.make);
  multiplexed_outbounds outbounds;
  if (native.single_xudp) outbounds.datagrams = outbounds.quic.emplace(multiplexed_outbounds::single);
  if (native.refuses_quic) outbounds.quic = std::nullopt;
  if (mux) choose_by(*mux, outbounds);
  outbounds.make[multiplexed_outbounds::native] = std::move(native.make);
  if (native.single_xudp)
    outbounds.make[multiplexed_outbounds::single] = pool_of(from, dial, single_of(from));
  if (mux && mux->streams) outbounds.make[multiplexed_outbounds::shared] = multiplexed(from, dial);
  if (mux && mux->datagrams.value_or(0) > 0) {
    mux_options apart = *mux;
    apart.pool.max_concurrency = *mux->datagrams;
    outbounds.make[multiplexed_outbounds::apart] = pool_of(from, dial, std::move(apart));
  }
  return [outbounds = std::move(outbounds)](asio::io_context& io) { return outbounds.made_by(io); };
}

}  // namespace muxpro::proxy
