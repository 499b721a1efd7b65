#include "proxy/outbound/relayed_datagrams.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/net/or_error.hpp"

#include <asio/co_spawn.hpp>

#include <array>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

using asio::ip::udp;

namespace {

constexpr int most_at_once = 32;

}  // namespace

struct relayed_datagrams::state {
  state(std::shared_ptr<connection> c, udp::socket s, const udp::endpoint& r)
      : control(std::move(c)), socket(std::move(s)), relay(r) {}

  void end(std::error_code why) noexcept {
    if (ended) return;
    ended = why;
    std::error_code ignored;
    socket.close(ignored);
    if (control) control->close();
  }

  const std::shared_ptr<connection> control;
  udp::socket socket;
  const udp::endpoint relay;
  std::error_code ended;
};

relayed_datagrams::relayed_datagrams(std::shared_ptr<connection> control, udp::socket socket,
                                     const udp::endpoint& relay, relay_packets packets)
    : state_(std::make_shared<state>(std::move(control), std::move(socket), relay)),
      packets_(std::move(packets)) {
  if (!state_->control) return;
  asio::co_spawn(state_->socket.get_executor(), watch(state_), [](std::exception_ptr) {});
}

relayed_datagrams::~relayed_datagrams() { end(end_code::graceful); }

asio::any_io_executor relayed_datagrams::get_executor() const { return state_->socket.get_executor(); }

void relayed_datagrams::end(end_code) noexcept { state_->end(asio::error::operation_aborted); }

// The server sends no more data. The association lives as long as the connection.
asio::awaitable<void> relayed_datagrams::watch(std::shared_ptr<state> s) {
  std::array<std::byte, 64> unread;
  std::error_code ec;
  while (!ec) co_await s->control->read_some(asio::buffer(unread), ec);
  s->end(end_code::remote_disconnect);
}

asio::awaitable<std::size_t> relayed_datagrams::receive(asio::mutable_buffer into, host_port& peer,
                                                        std::error_code& ec) {
  const auto s = state_;
  for (;;) {
    if (at_once_ >= most_at_once) {
      at_once_ = 0;
      co_await s->socket.async_wait(udp::socket::wait_read, or_error(ec));
      if (ec && !s->ended) co_return 0;
    }
    ec = s->ended;
    if (ec) co_return 0;
    ++at_once_;
    const auto size = take(into, peer, ec);
    if (size) co_return *size;
  }
}

// Returns nothing if there was no datagram, or it was dropped. What the system reports of one datagram does
// not end the stream.
std::optional<std::size_t> relayed_datagrams::take(asio::mutable_buffer into, host_port& peer,
                                                   std::error_code& ec) {
  thread_local std::array<std::byte, max_datagram> memory;
  udp::endpoint from;
  std::error_code none;
  const std::size_t n = state_->socket.receive_from(asio::buffer(memory), from, 0, none);
  if (none) {
    at_once_ = most_at_once;
    return std::nullopt;
  }
  if (from != state_->relay) return packets_.drop(drop_reason::foreign_sender), std::nullopt;
  auto datagram = packets_.open(bytes(memory).first(n));
  if (!datagram) return std::nullopt;
  peer = std::move(datagram->where);
  return copy_payload(into, datagram->payload, ec);
}

asio::awaitable<void> relayed_datagrams::send(asio::const_buffer data, const host_port& peer,
                                              std::error_code& ec) {
  const auto s = state_;
  ec = s->ended;
  if (ec) co_return;
  const auto& packet = packets_.seal(data, peer, ec);
  if (ec) co_return;
  std::error_code lost;
  co_await s->socket.async_send_to(asio::buffer(packet), s->relay, or_error(lost));
  ec = s->ended;
  if (lost && !ec) packets_.drop(drop_reason::not_sent);
}

udp::socket socket_for_relay(const asio::any_io_executor& executor, const udp::endpoint& relay,
                             const asio::ip::address& local, const asio::ip::address& peer,
                             std::error_code& ec) {
  udp::socket s(executor);
  s.open(relay.protocol(), ec);
  const bool same = unwrapped(peer) == relay.address() && !peer.is_unspecified();
  const asio::ip::address from = unwrapped(local);
  udp::endpoint at(relay.protocol(), 0);
  if (same && from.is_v4() == relay.address().is_v4()) at.address(from);
  if (!ec) s.bind(at, ec);
  if (!ec) s.non_blocking(true, ec);
  return s;
}

}  // namespace muxpro::proxy
