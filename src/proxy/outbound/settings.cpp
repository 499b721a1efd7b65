#include "proxy/outbound/settings.hpp"

#include <fmt/format.h>

#include <asio/io_context.hpp>

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

outbound_factory multiplexed(outbound_resources& from, mux_outbound::dialer dial) {
  return [&from, dial = std::move(dial), mux = from.mux().value()](asio::io_context& io) {
    return std::make_shared<mux_outbound>(io.get_executor(), dial, mux.pool, from.relay(), mux.priority);
  };
}

}  // namespace muxpro::proxy
