#include <muxpro/proxy/stream_socket.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>

namespace muxpro::proxy {

namespace {

void set(int socket, int name, int value) noexcept {
  ::setsockopt(socket, IPPROTO_TCP, name, &value, sizeof value);
}

template <class Unit>
int whole(duration d) noexcept {
  return static_cast<int>(std::max<duration::rep>(std::chrono::ceil<Unit>(d).count(), 1));
}

void set_text(int socket, int level, int name, const std::string& value, bool& failed) noexcept {
  if (value.empty()) return;
  failed |= ::setsockopt(socket, level, name, value.c_str(), static_cast<socklen_t>(value.size())) != 0;
}

}  // namespace

int make_tcp_socket(int family, const socket_options& o) noexcept {
  constexpr int multipath = 262;  // IPPROTO_MPTCP, which older headers do not have
  int made = -1;
  if (o.multipath) made = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, multipath);
  return made >= 0 ? made : ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

std::error_code set_route_options(int socket, const socket_options& o) noexcept {
  bool failed = o.mark != 0 && ::setsockopt(socket, SOL_SOCKET, SO_MARK, &o.mark, sizeof o.mark) != 0;
  if (!failed) set_text(socket, SOL_SOCKET, SO_BINDTODEVICE, o.interface, failed);
  return failed ? std::error_code(errno, std::system_category()) : std::error_code();
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
  [[maybe_unused]] bool ignored = false;
  set_text(socket, IPPROTO_TCP, TCP_CONGESTION, o.congestion, ignored);
  if (o.max_segment > 0) set(socket, TCP_MAXSEG, static_cast<int>(o.max_segment));
  if (o.window_clamp > 0) set(socket, TCP_WINDOW_CLAMP, static_cast<int>(o.window_clamp));
#if defined(TCP_FASTOPEN_CONNECT)
  if (o.fast_open) set(socket, TCP_FASTOPEN_CONNECT, 1);
#endif
}

void set_listening_options(int socket, const socket_options& o) {
  const int on = 1;
  if (o.transparent && ::setsockopt(socket, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) != 0)
    throw std::system_error(errno, std::system_category(), "IP_TRANSPARENT");
  // A socket of another family does not support it.
  if (o.v6_only) ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (const std::error_code ec = set_route_options(socket, o)) throw std::system_error(ec);
#if defined(TCP_FASTOPEN)
  if (o.fast_open) set(socket, TCP_FASTOPEN, static_cast<int>(o.fast_open_queue));
#endif
}

}  // namespace muxpro::proxy
