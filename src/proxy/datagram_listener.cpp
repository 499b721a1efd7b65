#include "datagram_listener.hpp"

#include "or_error.hpp"

#include <muxpro/proxy/dial_policy.hpp>

#include <asio/co_spawn.hpp>

#include <array>
#include <utility>

namespace muxpro::proxy {

using asio::ip::udp;

namespace {

constexpr int datagrams_a_turn = 32;

}  // namespace

struct datagram_listener::source {
  source(const udp::endpoint& f, host_port t, std::unique_ptr<datagram_stream> l, order::iterator p,
         duration idle)
      : from(f),
        target(std::move(t)),
        link(std::move(l)),
        place(p),
        quiet(link->get_executor(), idle, [this] { link->end(end_code::graceful); }) {}
  const udp::endpoint from;
  const host_port target;
  const std::unique_ptr<datagram_stream> link;
  const order::iterator place;
  quiet_timer quiet;
};

datagram_listener::datagram_listener(asio::io_context& io, const udp::endpoint& at, std::string tag,
                                     std::shared_ptr<const inbound> serves, dispatcher& to,
                                     datagram_listener_limits limits)
    : socket_(io, at), tag_(std::move(tag)), serves_(std::move(serves)), to_(to), limits_(limits) {
  socket_.non_blocking(true);
}

void datagram_listener::start() {
  asio::co_spawn(socket_.get_executor(), run(shared_from_this()), [](std::exception_ptr) {});
}

void datagram_listener::close() {
  std::error_code ignored;
  socket_.close(ignored);
  while (!sources_.empty()) drop(heard_.front());
}

// A datagram is copied or dropped before anything waits: one memory does for all listeners of a thread.
asio::awaitable<void> datagram_listener::run([[maybe_unused]] std::shared_ptr<datagram_listener> self) {
  thread_local std::array<std::byte, max_datagram> memory;
  for (;;) {
    std::error_code ec;
    co_await socket_.async_wait(udp::socket::wait_read, or_error(ec));
    if (ec) co_return;
    for (int i = 0; i < datagrams_a_turn && socket_.is_open(); ++i) {
      udp::endpoint from;
      const std::size_t n = socket_.receive_from(asio::buffer(memory), from, 0, ec);
      if (ec) break;
      co_await forward(from, const_bytes(memory).first(n));
    }
  }
}

asio::awaitable<void> datagram_listener::forward(const udp::endpoint& from, const_bytes payload) {
  const auto s = source_at(from);
  if (!s) co_return;
  s->quiet.touch();
  heard_.splice(heard_.end(), heard_, s->place);
  std::error_code lost;
  co_await s->link->send(asio::buffer(payload.data(), payload.size()), s->target, lost);
}

std::shared_ptr<datagram_listener::source> datagram_listener::source_at(const udp::endpoint& from) {
  const auto found = sources_.find(from);
  return found != sources_.end() ? found->second : admit(from);
}

std::shared_ptr<datagram_listener::source> datagram_listener::admit(const udp::endpoint& from) {
  context known;
  known.id = context::new_id();
  known.inbound.tag = tag_;
  known.inbound.source = unmapped(from.address());
  known.inbound.source_port = from.port();
  std::error_code ignored;
  const udp::endpoint gateway = socket_.local_endpoint(ignored);
  known.inbound.gateway = unmapped(gateway.address());
  known.inbound.gateway_port = gateway.port();
  if (!serves_->admit_datagrams(known)) return nullptr;
  if (sources_.size() >= limits_.sources) drop(heard_.front());
  host_port target(known.outbound.target.host, known.outbound.target.port);
  heard_.push_back(from);
  auto s = std::make_shared<source>(from, std::move(target), to_.dispatch_datagrams(std::move(known)),
                                    std::prev(heard_.end()), limits_.idle);
  sources_.emplace(from, s);
  asio::co_spawn(socket_.get_executor(), bring_answers(shared_from_this(), s), [](std::exception_ptr) {});
  return s;
}

void datagram_listener::drop(const udp::endpoint& which) {
  const auto found = sources_.find(which);
  const auto s = found->second;
  sources_.erase(found);
  heard_.erase(s->place);
  s->link->end(end_code::graceful);
}

asio::awaitable<void> datagram_listener::bring_answers(std::shared_ptr<datagram_listener> self,
                                                       std::shared_ptr<source> s) {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  std::error_code ec;
  for (;;) {
    host_port peer;
    const std::size_t n = co_await s->link->receive(asio::buffer(memory.get(), max_datagram), peer, ec);
    if (ec) break;
    s->quiet.touch();
    std::error_code lost;
    co_await self->socket_.async_send_to(asio::buffer(memory.get(), n), s->from, or_error(lost));
  }
  if (const auto found = self->sources_.find(s->from); found != self->sources_.end() && found->second == s)
    self->drop(s->from);
}

}  // namespace muxpro::proxy
