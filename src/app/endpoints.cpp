#include "endpoints.hpp"

#include "commands.hpp"

#include <fmt/format.h>
#include <asio/io_context.hpp>

namespace muxpro::app {

using asio::ip::tcp;

proxy::stream_address parse_address(const std::string& flag, const std::string& text) {
  if (auto a = proxy::stream_address::parse(text)) return *a;
  throw usage_error(fmt::format(
      "{} {}: it must be HOST:PORT, [IPV6]:PORT or unix:PATH, with a port of 0 to 65535", flag, text));
}

listen_address parse_listen_address(const std::string& flag, const std::string& text) {
  const auto place = proxy::listening_address::parse(text);
  if (!place)
    throw usage_error(
        fmt::format("{} {}: it must be HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH,MODE, with a "
                    "port of 0 to 65535 and an octal mode of 0 to 0777",
                    flag, text));
  const auto& [at, path] = place->at;
  if (!path.empty()) return {proxy::unix_endpoint(path), place->mode};
  asio::io_context io;
  tcp::resolver resolver(io);
  std::error_code ec;
  const std::string host = at.host.to_string();
  const auto found = resolver.resolve(host, std::to_string(at.port), tcp::resolver::passive, ec);
  if (ec) throw usage_error(fmt::format("{} {}: cannot find the host: {}", flag, text, ec.message()));
  return {found.begin()->endpoint(), std::nullopt};
}

listen_address status_address(const std::string& text) {
  const listen_address address = parse_listen_address("--status", text);
  if (proxy::is_reachable_remotely(address.at))
    throw usage_error(fmt::format(
        "--status {}: it names users and targets, and must be a loopback address or unix:PATH", text));
  return address;
}

}  // namespace muxpro::app
