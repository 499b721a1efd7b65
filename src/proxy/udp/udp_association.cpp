#include "proxy/udp/udp_association.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/base/port_set.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/policy/dial_outcome.hpp"

#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

namespace muxpro::proxy {

using asio::ip::udp;

std::uint16_t port_of(int descriptor) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at), &size) != 0) return 0;
  // sockaddr_in and sockaddr_in6 have the port at the same place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&at)->sin_port);
}

std::error_code udp_nat::association::open_as(const udp& family) {
  const socket_options& o = nat_.dial_.socket;
  std::error_code ec, ignored;
  v6_ = family == udp::v6();
  socket_.open(family, ec);
  if (!ec && v6_) socket_.set_option(asio::ip::v6_only(o.source.has_value()), ec);
  if (!ec) ec = set_route_options(native(), o);
  if (!ec) socket_.bind(o.source ? udp::endpoint(*o.source, 0) : udp::endpoint(family, 0), ec);
  if (ec) socket_.close(ignored);
  return ec;
}

bool udp_nat::association::open(int descriptor) {
  std::error_code ec;
  if (descriptor >= 0) {
    sockaddr_storage at{};
    socklen_t size = sizeof at;
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at), &size);
    v6_ = at.ss_family == AF_INET6;
    socket_.assign(v6_ ? udp::v6() : udp::v4(), descriptor, ec);
  } else {
    const auto& source = nat_.dial_.socket.source;
    if (!source || source->is_v6()) ec = open_as(udp::v6());
    const bool no_v6 = ec && ec != asio::error::no_descriptors && !source;
    if (no_v6 || (source && source->is_v4())) ec = open_as(udp::v4());
  }
  if (!ec) socket_.non_blocking(true, ec);
  return !ec;
}

udp::endpoint udp_nat::association::suited(const asio::ip::address& a, std::uint16_t port) const {
  if (v6_ && a.is_v4()) return {asio::ip::make_address_v6(asio::ip::v4_mapped, a.to_v4()), port};
  return {a, port};
}

// Returns the address of a datagram, which the policy allows. Names are resolved once.
asio::awaitable<udp::endpoint> udp_nat::association::where(host_port to, std::error_code& ec) {
  const auto known = std::find_if(names_.begin(), names_.end(), [&](const auto& n) { return n.first == to; });
  if (known != names_.end()) co_return known->second;
  search_ = std::make_shared<connect_operation>(executor_, nat_.names_, nat_.policy_, nat_.dial_, owner_.key);
  const auto found = co_await search_->find(to.host, to.port, ec);
  if (ec) co_return udp::endpoint();
  auto usable = std::find_if(found.begin(), found.end(), [&](const auto& a) { return v6_ || a.is_v4(); });
  if (usable == found.end()) {
    ec = errc::target_unreachable;
    co_return udp::endpoint();
  }
  const udp::endpoint e = suited(*usable, to.port);
  if (names_.size() >= most_names) names_.pop_front();
  names_.emplace_back(std::move(to), e);
  co_return e;
}

bool udp_nat::association::used_by_client() {
  bool allowed = true;
  {
    const std::lock_guard lock(nat_.mutex_);
    const auto now = std::chrono::steady_clock::now();
    nat_.table_.touch(id, now);
    allowed = nat_.rates_.take(owner_.key, now, pace_);
    if (!allowed) ++nat_.counts_.over_rate;
  }
  if (!allowed) nat_.drops_->note(drop_reason::over_rate, over_rate_);
  return allowed;
}

bool udp_nat::association::refused(std::uint16_t port) {
  if (!nat_.refused_ || !nat_.refused_->contains(port)) return false;
  drop(drop_reason::refused_port);
  const std::lock_guard lock(nat_.mutex_);
  ++nat_.counts_.refused;
  return true;
}

void udp_nat::association::sent(std::size_t size) {
  const std::lock_guard lock(nat_.mutex_);
  nat_.counts_.sent += size;
}

asio::awaitable<void> udp_nat::association::send_outside() {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  for (;;) {
    std::error_code ec;
    host_port to;
    const auto into = asio::buffer(memory.get(), max_datagram);
    const std::size_t n = co_await stream_->receive(into, to, ec);
    if (ec) break;
    if (!used_by_client()) continue;
    const bool is_target = to.host == owner_.target.host && to.port == owner_.target.port;
    udp::endpoint e;
    const bool to_refused_port = refused(to.port);
    if (to_refused_port)
      ec = errc::target_rejected;
    else
      e = co_await where(std::move(to), ec);
    if (ec && !to_refused_port)
      drop(ec == errc::target_rejected ? drop_reason::not_allowed : drop_reason::unreachable);
    if (ec && is_target && !owner_.addressed) {  // there will never be another one
      stream_->end(end_code_of(ec));
      break;
    }
    if (ec) continue;
    if (is_target) target_ = e;
    co_await socket_.async_send_to(asio::buffer(memory.get(), n), e, or_error(ec));
    if (ec)
      drop(drop_reason::not_sent);
    else
      sent(n);
  }
  stream_->end(end_code::graceful);
}

// Under 0.0 a sub-stream is tied to its target. Datagrams from an address that may not be dialled are no
// answers.
bool udp_nat::association::wanted(const udp::endpoint& from) const {
  if (!owner_.addressed) return target_ && from == *target_;
  return nat_.policy_.check(from.address(), from.port()) == verdict::allowed && !nat_.is_own_port(from);
}

asio::awaitable<void> udp_nat::association::receive_from_outside(std::shared_ptr<association> self) {
  thread_local std::array<std::byte, max_datagram> memory;
  udp::socket& socket = self->socket_;
  for (;;) {
    std::error_code ec;
    co_await socket.async_wait(udp::socket::wait_read, or_error(ec));
    if (ec) co_return;
    for (int i = 0; i < datagrams_a_turn; ++i) {
      udp::endpoint from;
      const std::size_t n = socket.receive_from(asio::buffer(memory), from, 0, ec);
      if (ec == asio::error::bad_descriptor) co_return;
      if (ec) break;
      if (!self->wanted(from)) {
        self->drop(drop_reason::foreign_sender);
        continue;
      }
      self->used(n);
      const host_port peer = to_host_port(from);
      co_await self->stream_->send(asio::buffer(memory.data(), n), peer, ec);
      if (ec && ec != errc::datagram_too_large) co_return;
      if (!socket.is_open()) co_return;
    }
  }
}

namespace {

// Posts `call`. Without memory for it, the association runs on until its stream ends or its mapping is idle
// for too long.
template <class Call>
void post_call(const asio::any_io_executor& executor, Call call) noexcept {
  try {
    asio::post(executor, std::move(call));
  } catch (...) {
  }
}

}  // namespace

void udp_nat::association::stop(end_code code) noexcept {
  post_call(executor_, [weak = weak_from_this(), code] {
    const auto self = weak.lock();
    if (!self) return;
    self->stopped_ = true;
    self->handed_over_.cancel();
    if (self->search_) self->search_->cancel(asio::error::operation_aborted);
    self->stream_->end(code);
  });
}

void udp_nat::association::hand_over(int descriptor) noexcept {
  handed_ = descriptor;
  post_call(executor_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->handed_over_.cancel();
  });
}

asio::awaitable<bool> udp_nat::association::socket_there() {
  while (!stopped_ && !socket_.is_open()) {
    int descriptor = -1;
    {
      const std::lock_guard lock(nat_.mutex_);
      descriptor = std::exchange(handed_, -1);
    }
    if (descriptor >= 0 && !open(descriptor)) ::close(descriptor), stopped_ = true;
    if (stopped_ || socket_.is_open()) break;
    std::error_code cancelled;
    co_await handed_over_.async_wait(or_error(cancelled));
  }
  co_return !stopped_;
}

}  // namespace muxpro::proxy
