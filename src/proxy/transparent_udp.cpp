#include "transparent_udp.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace muxpro::proxy {

using asio::ip::udp;

namespace {

// Of Linux; its headers with the one for IPv6 do not go together with those of libc.
constexpr int ip_original_destination = 20, ipv6_original_destination = 74;

bool turn_on(int socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

// Where the datagram was sent to, from what came beside it.
udp::endpoint original_of(msghdr& message) {
  udp::endpoint found;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == ip_original_destination;
    const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == ipv6_original_destination;
    if (!v4 && !v6) continue;
    const std::size_t size = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (c->cmsg_len < CMSG_LEN(size)) continue;
    std::memcpy(found.data(), CMSG_DATA(c), size);
    found.resize(size);
  }
  return found;
}

}  // namespace

void make_transparent(int socket) {
  const bool v6 = turn_on(socket, IPPROTO_IPV6, ipv6_original_destination);
  const bool v4 = turn_on(socket, IPPROTO_IP, ip_original_destination);
  if (!turn_on(socket, SOL_SOCKET, SO_REUSEADDR) || !turn_on(socket, IPPROTO_IP, IP_TRANSPARENT) ||
      !(v4 || v6))
    throw std::system_error(errno, std::system_category(), "IP_TRANSPARENT");
}

std::size_t receive_redirected(udp::socket& socket, asio::mutable_buffer into, udp::endpoint& from,
                               udp::endpoint& to, std::error_code& ec) {
  iovec where{into.data(), into.size()};
  alignas(cmsghdr) std::array<char, 256> beside;
  msghdr message{};
  message.msg_name = from.data();
  message.msg_namelen = static_cast<socklen_t>(from.capacity());
  message.msg_iov = &where;
  message.msg_iovlen = 1;
  message.msg_control = beside.data();
  message.msg_controllen = beside.size();
  const ssize_t n = ::recvmsg(socket.native_handle(), &message, 0);
  ec = n < 0 ? std::error_code(errno, std::system_category()) : std::error_code();
  if (ec) return 0;
  from.resize(message.msg_namelen);
  to = original_of(message);
  return static_cast<std::size_t>(n);
}

udp::socket speak_as(const asio::any_io_executor& executor, const udp::endpoint& self, std::error_code& ec) {
  udp::socket s(executor);
  s.open(self.protocol(), ec);
  if (!ec && !(turn_on(s.native_handle(), SOL_SOCKET, SO_REUSEADDR) &&
               turn_on(s.native_handle(), IPPROTO_IP, IP_TRANSPARENT)))
    ec.assign(errno, std::system_category());
  if (!ec) s.bind(self, ec);
  if (!ec) s.non_blocking(true, ec);
  return s;
}

}  // namespace muxpro::proxy
