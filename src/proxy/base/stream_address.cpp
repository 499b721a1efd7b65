#include <muxpro/proxy/stream_socket.hpp>

#include "proxy/base/text.hpp"

#include <muxpro/option_range.hpp>

#include <asio/local/stream_protocol.hpp>

#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstring>
#include <utility>

namespace muxpro::proxy {

using asio::ip::tcp;

namespace {

constexpr std::string_view unix_prefix = "unix:", abstract_prefix = "unix:@";
constexpr std::size_t room_for_path = sizeof(sockaddr_un::sun_path);

/// The name behind "@" or "@@".
std::string_view abstract_name(std::string_view path) { return path.substr(path.starts_with("@@") ? 2 : 1); }

/// As stream_address has it.
std::string path_of(const stream_endpoint& e) {
  const auto* const a = reinterpret_cast<const sockaddr_un*>(e.data());
  constexpr std::size_t head = offsetof(sockaddr_un, sun_path);
  const std::string_view all(a->sun_path, e.size() > head ? e.size() - head : 0);
  if (!all.starts_with('\0')) return std::string(all.substr(0, all.find('\0')));
  if (all.size() < room_for_path || !all.ends_with('\0')) return "@" + std::string(all.substr(1));
  return "@@" + std::string(all.substr(1, all.find_last_not_of('\0')));
}

std::optional<std::uint32_t> mode_of(std::string_view octal) {
  std::uint32_t mode = 0;
  const auto [end, ec] = std::from_chars(octal.data(), octal.data() + octal.size(), mode, 8);
  if (ec != std::errc() || end != octal.data() + octal.size() || mode > 0777) return std::nullopt;
  return mode;
}

}  // namespace

std::optional<stream_address> stream_address::parse(std::string_view text) {
  if (text.starts_with(unix_prefix)) return unix_path(text.substr(unix_prefix.size()));
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  const auto port = number<std::uint16_t>(text.substr(colon + 1));
  const bool bare_v6 =
      host.find(':') != std::string_view::npos && (host.front() != '[' || host.back() != ']');
  if (!port || host.empty() || bare_v6) return std::nullopt;
  const host_port where(host, *port);
  // Brackets are for IPv6 alone, and a name with a zone or a wildcard is invalid.
  if (!where.host.valid()) return std::nullopt;
  return stream_address(where);
}

// A zero byte ends the path of a file, and stands for the '@' of an abstract name.
std::optional<stream_address> stream_address::unix_path(std::string_view path) {
  const std::string_view name = path.starts_with('@') ? abstract_name(path) : path;
  const bool fits = !name.empty() && name.size() < room_for_path;
  if (!fits || path.find('\0') != std::string_view::npos) return std::nullopt;
  stream_address a;
  a.path = path;
  return a;
}

std::optional<listening_address> listening_address::parse(std::string_view text) {
  const bool has_file = text.starts_with(unix_prefix) && !text.starts_with(abstract_prefix);
  const auto comma = has_file ? text.rfind(',') : std::string_view::npos;
  listening_address out;
  if (comma != std::string_view::npos) {
    out.mode = mode_of(text.substr(comma + 1));
    if (!out.mode) return std::nullopt;
  }
  auto at = stream_address::parse(text.substr(0, comma));
  if (!at) return std::nullopt;
  out.at = std::move(*at);
  return out;
}

std::string to_string(const stream_address& a) {
  return a.is_unix() ? std::string(unix_prefix) + a.path : to_string(a.at);
}

stream_endpoint unix_endpoint(const std::string& path) {
  if (!path.starts_with('@')) return asio::local::stream_protocol::endpoint(path);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  const std::string_view name = abstract_name(path);
  name.copy(a.sun_path + 1, room_for_path - 1);
  const std::size_t used = path.starts_with("@@") ? room_for_path : 1 + name.size();
  return stream_endpoint(&a, offsetof(sockaddr_un, sun_path) + used);
}

bool is_unix(const stream_endpoint& e) noexcept { return e.protocol().family() == AF_UNIX; }

std::string socket_file(const stream_endpoint& e) {
  std::string path = is_unix(e) ? path_of(e) : std::string();
  return path.starts_with('@') ? std::string() : path;
}

bool is_reachable_remotely(const stream_endpoint& e) noexcept {
  return !is_unix(e) && !to_tcp(e).address().is_loopback();
}

tcp::endpoint to_tcp(const stream_endpoint& e) noexcept {
  tcp::endpoint out;
  const int family = e.protocol().family();
  if ((family != AF_INET && family != AF_INET6) || e.size() > out.capacity()) return out;
  std::memcpy(out.data(), e.data(), e.size());
  return out;
}

std::string to_string(const stream_endpoint& e) {
  if (is_unix(e)) return std::string(unix_prefix) + path_of(e);
  const tcp::endpoint at = to_tcp(e);
  return to_string(host_port(at.address().to_string(), at.port()));
}

std::string shown_source(const asio::ip::address& source) {
  return source.is_unspecified() ? "a unix socket" : source.to_string();
}

std::string socket_options::validate() const {
  return out_of_range<double>({
      {"keep_alive_idle (s)", seconds_of(keep_alive_idle), 0, 32767},
      {"keep_alive_interval (s)", seconds_of(keep_alive_interval), 0.001, 32767},
      {"user_timeout (s)", seconds_of(user_timeout), 0, 86400},
  });
}

socket_options keepalive_socket() {
  socket_options o;
  o.keep_alive_idle = std::chrono::seconds(45);
  o.user_timeout = std::chrono::seconds(30);
  return o;
}

}  // namespace muxpro::proxy
