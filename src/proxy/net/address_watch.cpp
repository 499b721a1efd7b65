#include "proxy/net/address_watch.hpp"

#include "proxy/net/local_addresses.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/net/unique_fd.hpp"

#include <asio/posix/stream_descriptor.hpp>
#include <asio/this_coro.hpp>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Announces each address that an interface gets or loses.
unique_fd announcements() {
  unique_fd s(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (s && ::bind(s.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0)
    return unique_fd(-1);
  return s;
}

// Which address has changed does not matter. A queue that has overflowed (ENOBUFS) has announced a change,
// too.
void drop_messages(int socket) noexcept {
  std::array<char, 8192> room;
  while (::recv(socket, room.data(), room.size(), 0) > 0) {
  }
}

}  // namespace

asio::awaitable<void> watch_addresses(std::shared_ptr<own_addresses> to) {
  unique_fd s = announcements();
  if (!s) co_return;
  asio::posix::stream_descriptor changes(co_await asio::this_coro::executor, s.get());
  s.release();
  std::error_code ec;
  while (!ec) {
    to->set(local_addresses());
    co_await changes.async_wait(asio::posix::stream_descriptor::wait_read, or_error(ec));
    drop_messages(changes.native_handle());
  }
}

}  // namespace muxpro::proxy
