#include "proxy/udp/transparent_udp.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace muxpro::proxy {

using asio::ip::udp;

namespace {

bool turn_on(int socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

}  // namespace

void make_transparent(int socket) {
  const bool v6 = turn_on(socket, IPPROTO_IPV6, ipv6_original_destination);
  const bool v4 = turn_on(socket, IPPROTO_IP, ip_original_destination);
  if (!turn_on(socket, SOL_SOCKET, SO_REUSEADDR) || !turn_on(socket, IPPROTO_IP, IP_TRANSPARENT) ||
      !(v4 || v6))
    throw std::system_error(errno, std::system_category(), "IP_TRANSPARENT");
}

udp::socket open_transparent_socket(const asio::any_io_executor& executor, const udp::endpoint& self,
                                    const socket_options& o, std::error_code& ec) {
  udp::socket s(executor);
  s.open(self.protocol(), ec);
  if (!ec && !(turn_on(s.native_handle(), SOL_SOCKET, SO_REUSEADDR) &&
               turn_on(s.native_handle(), IPPROTO_IP, IP_TRANSPARENT)))
    ec.assign(errno, std::system_category());
  if (!ec) ec = set_route_options(s.native_handle(), o);
  if (!ec) s.bind(self, ec);
  if (!ec) s.non_blocking(true, ec);
  return s;
}

}  // namespace muxpro::proxy
