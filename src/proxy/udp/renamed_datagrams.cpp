#include "proxy/udp/renamed_datagrams.hpp"

#include <asio/error.hpp>

#include <algorithm>
#include <cstdint>
#include <list>
#include <optional>
#include <utility>

namespace muxpro::proxy {

namespace {

class renamed_stream final : public datagram_stream {
 public:
  renamed_stream(std::unique_ptr<datagram_stream> stream, rename_peer rename, std::deque<held_datagram> first)
      : stream_(std::move(stream)), rename_(std::move(rename)), first_(std::move(first)) {}

  asio::any_io_executor get_executor() const override { return stream_->get_executor(); }

  asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                       std::error_code& ec) override {
    std::size_t n = 0;
    if (first_.empty())
      n = co_await stream_->receive(into, peer, ec);
    else
      n = take_first(into, peer, ec);
    if (!ec) peer = outside(peer);
    co_return n;
  }

  asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) override {
    const host_port shown = inside(peer);
    co_await stream_->send(data, shown, ec);
  }

  void end(end_code code) noexcept override {
    first_.clear();
    stream_->end(code);
  }

 private:
  struct names {
    host_port inside, outside;
    std::uint64_t number = 0;           ///< the larger, the later it was used first
    std::optional<host_port> resolved;  ///< where answers to that name come from
  };

  std::size_t take_first(asio::mutable_buffer into, host_port& peer, std::error_code& ec) {
    const held_datagram d = std::move(first_.front());
    first_.pop_front();
    peer = d.peer;
    ec = d.data.size() > into.size() ? std::error_code(asio::error::message_size) : std::error_code();
    return asio::buffer_copy(into, asio::buffer(d.data));
  }

  const host_port& outside(const host_port& peer) {
    const auto known =
        std::find_if(known_.begin(), known_.end(), [&](const names& n) { return n.inside == peer; });
    if (known != known_.end()) {
      known_.splice(known_.begin(), known_, known);
    } else {
      known_.push_front({peer, rename_(peer).value_or(peer), ++numbers_, {}});
      if (known_.size() > max_renamed_peers) known_.pop_back();
    }
    return known_.front().outside;
  }

  // Names that were resolved further on are distinguished by their order. The one that waits longest is
  // answered first.
  const host_port& inside(const host_port& peer) {
    for (const names& n : known_)
      if (n.outside == peer || n.resolved == peer) return n.inside;
    names* waits = nullptr;
    for (names& n : known_) {
      const bool could_be = !n.inside.host.is_domain() && n.outside.host.is_domain() && !n.resolved &&
                            n.outside.port == peer.port;
      if (could_be && (!waits || n.number < waits->number)) waits = &n;
    }
    if (!waits) return peer;
    waits->resolved = peer;
    return waits->inside;
  }

  const std::unique_ptr<datagram_stream> stream_;
  const rename_peer rename_;
  std::deque<held_datagram> first_;
  std::list<names> known_;  ///< used last first
  std::uint64_t numbers_ = 0;
};

}  // namespace

std::unique_ptr<datagram_stream> renamed(std::unique_ptr<datagram_stream> stream, rename_peer rename,
                                         std::deque<held_datagram> first) {
  return std::make_unique<renamed_stream>(std::move(stream), std::move(rename), std::move(first));
}

}  // namespace muxpro::proxy
