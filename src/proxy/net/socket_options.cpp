#include <muxpro/proxy/stream_socket.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
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

}  // namespace

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
