#include <muxpro/option_range.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <asio/local/stream_protocol.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace muxpro::proxy {

using asio::ip::tcp;

namespace {

constexpr std::string_view unix_prefix = "unix:";

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

void set(int socket, int name, int value) noexcept {
  ::setsockopt(socket, IPPROTO_TCP, name, &value, sizeof value);
}

template <class Unit>
int whole(duration d) noexcept {
  return static_cast<int>(std::max<duration::rep>(std::chrono::ceil<Unit>(d).count(), 1));
}

}  // namespace

std::optional<stream_address> stream_address::parse(std::string_view text) {
  if (text.starts_with(unix_prefix)) return unix_path(text.substr(unix_prefix.size()));
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  const auto port = port_of(text.substr(colon + 1));
  const bool bare_v6 =
      host.find(':') != std::string_view::npos && (host.front() != '[' || host.back() != ']');
  if (!port || host.empty() || bare_v6) return std::nullopt;
  const host_port where(host, *port);
  // Brackets are for IPv6 alone, and a name with a zone or a wildcard is none.
  if (!where.host.valid()) return std::nullopt;
  return stream_address(where);
}

std::optional<stream_address> stream_address::unix_path(std::string_view path) {
  const bool fits = !path.empty() && path.size() < sizeof(sockaddr_un::sun_path);
  if (!fits || path.find('\0') != std::string_view::npos) return std::nullopt;
  stream_address a;
  a.path = path;
  return a;
}

std::string to_string(const stream_address& a) {
  return a.is_unix() ? std::string(unix_prefix) + a.path : to_string(a.at);
}

stream_endpoint unix_endpoint(const std::string& path) {
  return asio::local::stream_protocol::endpoint(path);
}

bool is_unix(const stream_endpoint& e) noexcept { return e.protocol().family() == AF_UNIX; }

bool reaches_others(const stream_endpoint& e) noexcept {
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
  if (is_unix(e)) {
    asio::local::stream_protocol::endpoint local;
    std::memcpy(local.data(), e.data(), e.size());
    local.resize(e.size());
    return std::string(unix_prefix) + local.path();
  }
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

socket_options lasting_socket() {
  socket_options o;
  o.keep_alive_idle = std::chrono::seconds(45);
  o.user_timeout = std::chrono::seconds(30);
  return o;
}

void set_options(int socket, const socket_options& o) noexcept {
  if (o.no_delay) set(socket, TCP_NODELAY, 1);
  if (o.keep_alive_idle > duration(0)) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    set(socket, TCP_KEEPIDLE, whole<std::chrono::seconds>(o.keep_alive_idle));
    set(socket, TCP_KEEPINTVL, whole<std::chrono::seconds>(o.keep_alive_interval));
  }
  if (o.user_timeout > duration(0))
    set(socket, TCP_USER_TIMEOUT, whole<std::chrono::milliseconds>(o.user_timeout));
#if defined(TCP_FASTOPEN_CONNECT)
  if (o.fast_open) set(socket, TCP_FASTOPEN_CONNECT, 1);
#endif
}

void set_listening_options(int socket, const socket_options& o) {
  const int on = 1;
  if (o.transparent && ::setsockopt(socket, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) != 0)
    throw std::system_error(errno, std::system_category(), "IP_TRANSPARENT");
#if defined(TCP_FASTOPEN)
  constexpr int queue = 256;  // of connections whose first data came before their handshake was over
  if (o.fast_open) set(socket, TCP_FASTOPEN, queue);
#endif
}

}  // namespace muxpro::proxy
