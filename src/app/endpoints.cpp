#include "endpoints.hpp"

#include "commands.hpp"

#include <fmt/format.h>
#include <asio/io_context.hpp>

namespace muxpro::app {

using asio::ip::tcp;

host_and_port split(const std::string& flag, const std::string& text) {
  const auto colon = text.rfind(':');
  const std::string host = text.substr(0, colon == std::string::npos ? 0 : colon);
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  const bool bare_v6 = host.find(':') != std::string::npos && (host.front() != '[' || host.back() != ']');
  if (host.empty() || !digits || std::stoul(port) > 65535 || bare_v6)
    throw usage_error(
        fmt::format("{} {}: it must be HOST:PORT or [IPV6]:PORT, with a port of 0 to 65535", flag, text));
  const bool bracketed = host.front() == '[';
  return {bracketed ? host.substr(1, host.size() - 2) : host, static_cast<std::uint16_t>(std::stoul(port))};
}

tcp::endpoint find_endpoint(const std::string& flag, const std::string& text) {
  const auto [host, port] = split(flag, text);
  asio::io_context io;
  tcp::resolver resolver(io);
  std::error_code ec;
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, ec);
  if (ec) throw usage_error(fmt::format("{} {}: cannot find the host: {}", flag, text, ec.message()));
  return found.begin()->endpoint();
}

std::string to_string(const tcp::endpoint& e) {
  const std::string host = e.address().to_string();
  return e.address().is_v6() ? fmt::format("[{}]:{}", host, e.port()) : fmt::format("{}:{}", host, e.port());
}

}  // namespace muxpro::app
