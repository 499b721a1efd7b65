#include "datagram_listener.hpp"

#include "or_error.hpp"
#include "routing/addresses.hpp"
#include "transparent_udp.hpp"

#include <muxpro/proxy/dial_policy.hpp>

#include <asio/co_spawn.hpp>

#include <array>
#include <utility>

namespace muxpro::proxy {

using asio::ip::udp;

namespace {

constexpr int datagrams_a_turn = 32;

host_port to_host_port(const udp::endpoint& e) { return {unmapped(e.address()).to_string(), e.port()}; }

}  // namespace

struct datagram_listener::source {
  source(const udp::endpoint& f, host_port t, bool any, std::unique_ptr<datagram_stream> l, duration idle)
      : from(f),
        target(std::move(t)),
        everywhere(any),
        link(std::move(l)),
        voice(link->get_executor()),
        quiet(link->get_executor(), idle, [this] { link->end(end_code::graceful); }) {}
  const udp::endpoint from;
  const host_port target;
  const bool everywhere;  ///< where it sends to, not to the target
  const std::unique_ptr<datagram_stream> link;
  order::iterator place;
  udp::socket voice;  ///< has sent the last answer, if that was not from the listener's own address
  quiet_timer quiet;
};

datagram_listener::datagram_listener(asio::io_context& io, const udp::endpoint& at, std::string tag,
                                     std::shared_ptr<const inbound> serves, dispatcher& to,
                                     datagram_listener_options options)
    : socket_(io, at.protocol()),
      tag_(std::move(tag)),
      serves_(std::move(serves)),
      to_(to),
      options_(std::move(options)) {
  if (options_.transparent) make_transparent(socket_.native_handle());
  socket_.bind(at);
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
      udp::endpoint from, to;
      const std::size_t n = options_.transparent
                                ? receive_redirected(socket_, asio::buffer(memory), from, to, ec)
                                : socket_.receive_from(asio::buffer(memory), from, 0, ec);
      if (ec) break;
      try {
        co_await forward(from, to, const_bytes(memory).first(n));
      } catch (const std::exception&) {
        // There is no memory for it: it is lost, as datagrams are.
      }
    }
  }
}

asio::awaitable<void> datagram_listener::forward(const udp::endpoint& from, const udp::endpoint& to,
                                                 const_bytes payload) {
  const auto s = source_at(from, to);
  if (!s) co_return;
  s->quiet.touch();
  heard_.splice(heard_.end(), heard_, s->place);
  std::error_code lost;
  const host_port target = s->everywhere ? to_host_port(to) : s->target;
  co_await s->link->send(asio::buffer(payload.data(), payload.size()), target, lost);
}

std::shared_ptr<datagram_listener::source> datagram_listener::source_at(const udp::endpoint& from,
                                                                        const udp::endpoint& to) {
  const auto found = sources_.find(from);
  return found != sources_.end() ? found->second : admit(from, to);
}

std::shared_ptr<datagram_listener::source> datagram_listener::admit(const udp::endpoint& from,
                                                                    const udp::endpoint& to) {
  context known;
  known.id = context::new_id();
  known.inbound.tag = tag_;
  known.inbound.source = unmapped(from.address());
  known.inbound.source_port = from.port();
  known.content.sniffing = options_.sniffing;
  std::error_code ignored;
  const udp::endpoint gateway = to.port() ? to : socket_.local_endpoint(ignored);
  known.inbound.gateway = unmapped(gateway.address());
  known.inbound.gateway_port = gateway.port();
  if (!serves_->admit_datagrams(known)) return nullptr;
  if (sources_.size() >= options_.sources) drop(heard_.front());
  const host_port target(known.outbound.target.host, known.outbound.target.port);
  const bool everywhere = to.port() && target == to_host_port(to);
  const auto s = std::make_shared<source>(from, target, everywhere, to_.dispatch_datagrams(std::move(known)),
                                          options_.idle);
  order place{from};
  s->place = place.begin();
  sources_.emplace(from, s);
  heard_.splice(heard_.end(), place);
  try {
    asio::co_spawn(socket_.get_executor(), bring_answers(shared_from_this(), s), [](std::exception_ptr) {});
  } catch (...) {
    drop(from);
    throw;
  }
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
    co_await self->answer(*s, asio::buffer(memory.get(), n), peer);
  }
  if (const auto found = self->sources_.find(s->from); found != self->sources_.end() && found->second == s)
    self->drop(s->from);
}

asio::awaitable<void> datagram_listener::answer(source& s, asio::const_buffer data, const host_port& peer) {
  std::error_code lost;
  if (!s.everywhere) {
    co_await socket_.async_send_to(data, s.from, or_error(lost));
    co_return;
  }
  if (peer.host.is_domain()) co_return;
  const udp::endpoint self(to_asio(peer.host.octets()), peer.port),
      client(unmapped(s.from.address()), s.from.port());
  if (!s.voice.is_open() || s.voice.local_endpoint(lost) != self)
    s.voice = speak_as(socket_.get_executor(), self, lost);
  if (!lost) co_await s.voice.async_send_to(data, client, or_error(lost));
}

}  // namespace muxpro::proxy
