#include "proxy/udp/addressed_udp.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/udp/transparent_udp.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace muxpro::proxy {

using asio::ip::udp;

namespace {

using control_memory = std::array<char, 256>;

bool is(const cmsghdr& c, int level, int type, std::size_t size) {
  return c.cmsg_level == level && c.cmsg_type == type && c.cmsg_len >= CMSG_LEN(size);
}

template <class Value>
Value value_of(cmsghdr& c) {
  Value v{};
  std::memcpy(&v, CMSG_DATA(&c), sizeof v);
  return v;
}

udp::endpoint endpoint_of(cmsghdr& c, std::size_t size) {
  udp::endpoint e;
  std::memcpy(e.data(), CMSG_DATA(&c), size);
  e.resize(size);
  return e;
}

asio::ip::address address_of(const in_addr& a) { return asio::ip::address_v4(ntohl(a.s_addr)); }

asio::ip::address address_of(const in6_addr& a) {
  asio::ip::address_v6::bytes_type b{};
  std::memcpy(b.data(), &a, b.size());
  return asio::ip::address_v6(b);
}

// Groups and broadcasts are no address to answer from.
asio::ip::address to_answer_from(const asio::ip::address& a) {
  const asio::ip::address plain = unwrapped(a);
  const bool of_many = plain.is_multicast() || plain == asio::ip::address_v4::broadcast();
  return of_many ? asio::ip::address() : a;
}

void note(cmsghdr& c, arrival& how) {
  if (is(c, IPPROTO_IP, ip_original_destination, sizeof(sockaddr_in)))
    how.original = endpoint_of(c, sizeof(sockaddr_in));
  else if (is(c, IPPROTO_IPV6, ipv6_original_destination, sizeof(sockaddr_in6)))
    how.original = endpoint_of(c, sizeof(sockaddr_in6));
  else if (is(c, IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo)))
    how.local = to_answer_from(address_of(value_of<in_pktinfo>(c).ipi_spec_dst));
  else if (is(c, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo)))
    how.local = to_answer_from(address_of(value_of<in6_pktinfo>(c).ipi6_addr));
}

template <class Value>
void add_control(msghdr& message, control_memory& memory, int level, int type, const Value& v) {
  message.msg_control = memory.data();
  message.msg_controllen = CMSG_SPACE(sizeof v);
  cmsghdr* const c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof v);
  std::memcpy(CMSG_DATA(c), &v, sizeof v);
}

void set_source(msghdr& message, control_memory& memory, const asio::ip::address& self) {
  if (self.is_v4()) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(self.to_v4().to_uint());
    add_control(message, memory, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    const auto octets = self.to_v6().to_bytes();
    std::memcpy(&info.ipi6_addr, octets.data(), octets.size());
    add_control(message, memory, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

std::error_code send(int socket, const msghdr& message) {
  const bool sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  return sent ? std::error_code() : std::error_code(errno, std::system_category());
}

}  // namespace

void ask_for_local_address(udp::socket& socket) noexcept {
  const int on = 1;
  const int s = socket.native_handle();
  // Only the one of the socket's family succeeds or matters.
  (void)::setsockopt(s, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  (void)::setsockopt(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

std::size_t receive_addressed(udp::socket& socket, asio::mutable_buffer into, arrival& how,
                              std::error_code& ec) {
  how = {};
  iovec where{into.data(), into.size()};
  alignas(cmsghdr) control_memory beside;
  msghdr message{};
  message.msg_name = how.from.data();
  message.msg_namelen = static_cast<socklen_t>(how.from.capacity());
  message.msg_iov = &where;
  message.msg_iovlen = 1;
  message.msg_control = beside.data();
  message.msg_controllen = beside.size();
  const ssize_t n = ::recvmsg(socket.native_handle(), &message, MSG_DONTWAIT);
  ec = n < 0 ? std::error_code(errno, std::system_category()) : std::error_code();
  if (ec) return 0;
  how.from.resize(message.msg_namelen);
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) note(*c, how);
  return static_cast<std::size_t>(n);
}

namespace {

std::error_code send_from(int socket, const packet_parts& data, const udp::endpoint& to,
                          const asio::ip::address& self) {
  std::array<iovec, 2> what{{{const_cast<void*>(data[0].data()), data[0].size()},
                             {const_cast<void*>(data[1].data()), data[1].size()}}};
  alignas(cmsghdr) control_memory beside{};
  msghdr message{};
  message.msg_name = const_cast<void*>(static_cast<const void*>(to.data()));
  message.msg_namelen = static_cast<socklen_t>(to.size());
  message.msg_iov = what.data();
  message.msg_iovlen = what.size();
  if (self.is_unspecified()) return send(socket, message);
  set_source(message, beside, self);
  const std::error_code ec = send(socket, message);
  if (ec != std::errc::invalid_argument && ec != std::errc::address_not_available) return ec;
  message.msg_control = nullptr;
  message.msg_controllen = 0;
  return send(socket, message);
}

}  // namespace

asio::awaitable<void> async_send_from(udp::socket& socket, packet_parts data, udp::endpoint to,
                                      asio::ip::address self, std::error_code& ec) {
  ec = send_from(socket.native_handle(), data, to, self);
  if (ec != std::errc::operation_would_block) co_return;
  co_await socket.async_wait(udp::socket::wait_write, or_error(ec));
  if (!ec) ec = send_from(socket.native_handle(), data, to, self);
}

}  // namespace muxpro::proxy
