#include "proxy/net/address_watch.hpp"

#include "proxy/net/descriptor.hpp"
#include "proxy/net/local_addresses.hpp"
#include "proxy/net/or_error.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Announces each address that an interface gets or loses.
descriptor announcements() {
  descriptor s(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (s && ::bind(s.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0)
    return descriptor(-1);
  return s;
}

}  // namespace

address_watch::address_watch(asio::any_io_executor executor, std::shared_ptr<own_addresses> to)
    : addresses_(std::move(to)), changes_(std::move(executor)) {
  descriptor s = announcements();
  if (s) {
    changes_.assign(s.get());
    s.release();
  }
  addresses_->set(local_addresses());
}

asio::awaitable<void> address_watch::run() {
  std::error_code ec;
  while (changes_.is_open() && !ec) {
    co_await changes_.async_wait(asio::posix::stream_descriptor::wait_read, or_error(ec));
    if (ec) break;
    forget_messages();
    addresses_->set(local_addresses());
  }
}

// Which address it was does not matter. A queue that has overflowed (ENOBUFS) has announced a change, too.
void address_watch::forget_messages() {
  std::array<char, 8192> room;
  while (::recv(changes_.native_handle(), room.data(), room.size(), 0) > 0) {
  }
}

}  // namespace muxpro::proxy
