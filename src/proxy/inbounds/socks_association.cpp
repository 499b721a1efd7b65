#include "socks_association.hpp"

#include "../or_error.hpp"

#include <muxpro/proxy/dial_policy.hpp>
#include <muxpro/proxy/socks.hpp>

#include <asio/co_spawn.hpp>

#include <array>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

using asio::ip::udp;
using std::chrono::steady_clock;

namespace {

constexpr int datagrams_a_turn = 32;
/// After a refusal: its client's next datagrams are not worth a connection and a line of the log each.
constexpr auto refusal_pause = std::chrono::seconds(1);

}  // namespace

socks_association::socks_association(const asio::any_io_executor& executor, context known, dispatcher& to,
                                     std::uint16_t expected_port, duration limit, std::function<void()> idle)
    : known_(std::move(known)),
      to_(to),
      expected_port_(expected_port),
      socket_(executor),
      quiet_(executor, limit, std::move(idle)) {}

host_port socks_association::open(std::error_code& ec) {
  const udp::endpoint at(known_.inbound.gateway, 0);
  if (at.address().is_unspecified()) {  // the client came by a unix socket
    ec = asio::error::operation_not_supported;
    return {};
  }
  socket_.open(at.protocol(), ec);
  if (!ec) socket_.bind(at, ec);
  if (!ec) socket_.non_blocking(true, ec);
  if (ec) return {};
  return {address(at.address().to_string()), socket_.local_endpoint(ec).port()};
}

void socks_association::start() {
  asio::co_spawn(socket_.get_executor(), hear_client(shared_from_this()), [](std::exception_ptr) {});
}

void socks_association::end() {
  std::error_code ignored;
  socket_.close(ignored);
  quiet_.stop();
  if (const auto link = std::exchange(link_, nullptr)) link->end(end_code::graceful);
}

bool socks_association::is_client(const udp::endpoint& from) {
  if (client_) return from == *client_;
  if (unmapped(from.address()) != known_.inbound.source) return false;
  return expected_port_ == 0 || from.port() == expected_port_;
}

// A datagram is copied or dropped before anything waits: one memory does for all associations of a thread.
asio::awaitable<void> socks_association::hear_client(std::shared_ptr<socks_association> self) {
  thread_local std::array<std::byte, max_datagram> memory;
  udp::socket& socket = self->socket_;
  for (;;) {
    std::error_code ec;
    co_await socket.async_wait(udp::socket::wait_read, or_error(ec));
    if (ec) co_return;
    for (int i = 0; i < datagrams_a_turn && socket.is_open(); ++i) {
      udp::endpoint from;
      const std::size_t n = socket.receive_from(asio::buffer(memory), from, 0, ec);
      if (ec) break;
      if (!self->is_client(from)) continue;
      self->client_ = from;
      co_await self->forward(const_bytes(memory).first(n));
    }
  }
}

asio::awaitable<void> socks_association::forward(const_bytes packet) {
  const auto datagram = read_socks_datagram(packet);
  if (!datagram) co_return;
  quiet_.touch();
  if (!link_ && steady_clock::now() < refused_until_) co_return;
  if (!link_) dispatch(datagram->where);
  const auto link = link_;
  std::error_code lost;
  co_await link->send(asio::buffer(datagram->payload.data(), datagram->payload.size()), datagram->where,
                      lost);
}

void socks_association::dispatch(const host_port& first) {
  context c = known_;
  c.inbound.source_port = client_->port();
  c.outbound.original = c.outbound.target = {network::udp, first.host, first.port};
  link_ = to_.dispatch_datagrams(std::move(c));
  asio::co_spawn(socket_.get_executor(), hear_target(shared_from_this(), link_), [](std::exception_ptr) {});
}

asio::awaitable<void> socks_association::hear_target(std::shared_ptr<socks_association> self,
                                                     std::shared_ptr<datagram_stream> link) {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  std::array<std::byte, max_socks_datagram_header> header;
  std::error_code ec;
  for (;;) {
    host_port peer;
    const std::size_t n = co_await link->receive(asio::buffer(memory.get(), max_datagram), peer, ec);
    if (ec) break;
    self->quiet_.touch();
    const std::array<asio::const_buffer, 2> packet{
        asio::buffer(header.data(), write_socks_datagram_header(peer, header)),
        asio::buffer(memory.get(), n)};
    std::error_code lost;
    co_await self->socket_.async_send_to(packet, *self->client_, or_error(lost));
  }
  if (self->link_ != link) co_return;
  self->link_ = nullptr;
  if (ec != asio::error::eof) self->refused_until_ = steady_clock::now() + refusal_pause;
}

}  // namespace muxpro::proxy
