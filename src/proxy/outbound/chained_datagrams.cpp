#include "proxy/outbound/chained_datagrams.hpp"

#include <asio/co_spawn.hpp>

#include <array>
#include <utility>

namespace muxpro::proxy {

struct chained_datagrams::state {
  state(std::shared_ptr<connection> c, std::unique_ptr<datagram_stream> b)
      : control(std::move(c)), below(std::move(b)) {}

  void end(std::error_code why) noexcept {
    if (ended) return;
    ended = why;
    below->end(end_code::graceful);
    if (control) control->close();
  }

  const std::shared_ptr<connection> control;
  const std::unique_ptr<datagram_stream> below;
  std::error_code ended;
};

chained_datagrams::chained_datagrams(std::shared_ptr<connection> control,
                                     std::unique_ptr<datagram_stream> below, host_port relay,
                                     relay_packets packets)
    : state_(std::make_shared<state>(std::move(control), std::move(below))),
      relay_(std::move(relay)),
      packets_(std::move(packets)) {
  if (state_->control) asio::co_spawn(get_executor(), watch(state_), [](std::exception_ptr) {});
}

asio::any_io_executor chained_datagrams::get_executor() const { return state_->below->get_executor(); }

void chained_datagrams::end(end_code) noexcept { state_->end(asio::error::operation_aborted); }

// The association lives as long as the connection, on which the server sends no more data.
asio::awaitable<void> chained_datagrams::watch(std::shared_ptr<state> s) {
  std::array<std::byte, 64> unread;
  std::error_code ec;
  while (!ec) co_await s->control->read_some(asio::buffer(unread), ec);
  s->end(end_code::remote_disconnect);
}

asio::awaitable<std::size_t> chained_datagrams::receive(asio::mutable_buffer into, host_port& peer,
                                                        std::error_code& ec) {
  const auto s = state_;
  room_.resize(max_datagram);
  for (;;) {
    host_port relay;
    const std::size_t n = co_await s->below->receive(asio::buffer(room_), relay, ec);
    if (s->ended) ec = s->ended;
    if (ec && ec != asio::error::message_size) co_return 0;
    const bool whole = !ec;
    ec.clear();
    auto datagram = whole ? packets_.open(bytes(room_).first(n)) : std::nullopt;
    if (!datagram) continue;
    peer = std::move(datagram->where);
    co_return copy_payload(into, datagram->payload, ec);
  }
}

asio::awaitable<void> chained_datagrams::send(asio::const_buffer data, const host_port& peer,
                                              std::error_code& ec) {
  const auto s = state_;
  ec = s->ended;
  if (ec) co_return;
  const auto& packet = packets_.seal(data, peer, ec);
  if (!ec) co_await s->below->send(asio::buffer(packet), relay_, ec);
  if (s->ended) ec = s->ended;
}

}  // namespace muxpro::proxy
