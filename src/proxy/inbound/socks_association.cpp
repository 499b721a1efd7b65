#include "proxy/inbound/socks_association.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/socks/server.hpp"
#include "proxy/udp/datagram_drops.hpp"
#include "proxy/udp/receive_datagrams.hpp"

#include <muxpro/proxy/stream_socket.hpp>

#include <asio/co_spawn.hpp>
#include <asio/ip/v6_only.hpp>

#include <array>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

using asio::ip::udp;
using std::chrono::steady_clock;

namespace {

/// The pause after a refusal. Its client's next datagrams are not worth a connection and a line of the log
/// each.
constexpr auto refusal_pause = std::chrono::seconds(1);

}  // namespace

socks_association::socks_association(const asio::any_io_executor& executor, context ctx, dispatcher& to,
                                     duration limit, std::function<void()> idle)
    : ctx_(std::move(ctx)), to_(to), socket_(executor), quiet_(executor, limit, std::move(idle)) {}

void socks_association::bind(const udp::endpoint& at, std::error_code& ec) {
  ec.clear();
  socket_ = udp::socket(socket_.get_executor());
  socket_.open(at.protocol(), ec);
  if (!ec && at.address().is_unspecified()) ask_for_local_address(socket_);
  if (!ec && at.address().is_v6()) socket_.set_option(asio::ip::v6_only(false), ec);
  if (!ec) socket_.bind(at, ec);
  if (!ec) socket_.non_blocking(true, ec);
}

host_port socks_association::open(const std::optional<asio::ip::address>& announced, std::error_code& ec) {
  const asio::ip::address& gateway = ctx_.inbound.gateway;
  if (gateway.is_unspecified()) {  // the client came by a unix socket
    ec = asio::error::operation_not_supported;
    return {};
  }
  const bool any_address = announced && *announced != gateway;
  bind(any_address ? udp::endpoint(udp::v6(), 0) : udp::endpoint(gateway, 0), ec);
  if (ec && any_address) bind({udp::v4(), 0}, ec);  // a machine without IPv6
  if (ec) return {};
  return {address((any_address ? *announced : gateway).to_string()), socket_.local_endpoint(ec).port()};
}

void socks_association::start() {
  asio::co_spawn(socket_.get_executor(), receive_from_client(shared_from_this()), [](std::exception_ptr) {});
}

void socks_association::end() {
  std::error_code ignored;
  socket_.close(ignored);
  quiet_.stop();
  if (const auto link = std::exchange(link_, nullptr)) link->end(end_code::graceful);
}

bool socks_association::is_client(const udp::endpoint& from) const {
  return unwrapped(from.address()) == ctx_.inbound.source;
}

void socks_association::drop(drop_reason why) const {
  to_.drops()->note(why, shown_source(ctx_.inbound.source));
}

asio::awaitable<void> socks_association::receive_from_client(std::shared_ptr<socks_association> self) {
  const auto take = [&self](const arrival& how, const_bytes packet) { return self->accept(how, packet); };
  const auto lost = [&self] { self->drop(drop_reason::refused); };  // there was no memory for it
  co_await receive_datagrams(self->socket_, take, lost);
}

// Only a datagram that can be forwarded moves the association to another port.
asio::awaitable<void> socks_association::accept(const arrival& how, const_bytes packet) {
  const auto datagram = read_socks_datagram(packet);
  if (!is_client(how.from)) {
    drop(drop_reason::foreign_sender);
  } else if (!datagram) {
    drop(drop_reason::malformed);
  } else {
    client_ = how.from;
    asked_ = how.local;
    quiet_.touch();
    co_await forward(datagram->where, datagram->payload);
  }
}

asio::awaitable<void> socks_association::forward(const host_port& where, const_bytes payload) {
  if (!link_ && steady_clock::now() < refused_until_) {
    drop(drop_reason::refused);
    co_return;
  }
  if (!link_) dispatch(where);
  const auto link = link_;
  std::error_code lost;
  co_await link->send(asio::buffer(payload.data(), payload.size()), where, lost);
  if (lost) drop(drop_reason::refused);
}

void socks_association::dispatch(const host_port& first) {
  context ctx = ctx_;
  ctx.inbound.source_port = client_->port();
  ctx.outbound.original = ctx.outbound.target = {network::udp, first.host, first.port};
  link_ = to_.dispatch_datagrams(std::move(ctx));
  asio::co_spawn(socket_.get_executor(), receive_from_target(shared_from_this(), link_),
                 [](std::exception_ptr) {});
}

asio::awaitable<void> socks_association::receive_from_target(std::shared_ptr<socks_association> self,
                                                             std::shared_ptr<datagram_stream> link) {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  std::array<std::byte, max_socks_datagram_header> header;
  std::error_code ec;
  for (;;) {
    host_port peer;
    const std::size_t n = co_await link->receive(asio::buffer(memory.get(), max_datagram), peer, ec);
    if (ec) break;
    self->quiet_.touch();
    const packet_parts packet{asio::buffer(header.data(), write_socks_datagram_header(peer, header)),
                              asio::buffer(memory.get(), n)};
    std::error_code lost;
    co_await async_send_from(self->socket_, packet, *self->client_, self->asked_, lost);
    if (lost) self->drop(self->socket_.is_open() ? drop_reason::not_sent : drop_reason::ended);
  }
  if (self->link_ != link) co_return;
  self->link_ = nullptr;
  if (ec != asio::error::eof) self->refused_until_ = steady_clock::now() + refusal_pause;
}

}  // namespace muxpro::proxy
