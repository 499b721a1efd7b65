#include <muxpro/proxy/datagram_stream.hpp>

#include "proxy/net/or_error.hpp"

#include <asio/error.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

asio::awaitable<std::size_t> sub_datagram_stream::receive(asio::mutable_buffer into, host_port& peer,
                                                          std::error_code& ec) {
  const std::size_t n = co_await stream_.async_receive_from(into, peer, or_error(ec));
  count();
  co_return n;
}

asio::awaitable<void> sub_datagram_stream::send(asio::const_buffer data, const host_port& peer,
                                                std::error_code& ec) {
  co_await stream_.async_send_to(data, peer, or_error(ec));
  count();
}

void sub_datagram_stream::count() noexcept {
  if (!dropped_ || !stream_.is_open()) return;
  const stream_stats s = stream_.stats();
  const std::uint64_t now = s.datagrams_dropped_in + s.datagrams_dropped_out;
  if (now > counted_) dropped_(drop_reason::queue_full, now - std::exchange(counted_, now));
}

void sub_datagram_stream::end(end_code code) noexcept {
  if (code == end_code::graceful)
    stream_.close();
  else
    stream_.reset(code);
}

namespace {

struct datagram {
  datagram(host_port p, std::vector<std::byte> d) : peer(std::move(p)), data(std::move(d)) {}
  host_port peer;
  std::vector<std::byte> data;
};

/// One direction of a link.
struct queue {
  queue(const asio::any_io_executor& executor, datagram_queue_limits l, count_drops d)
      : limits(l), dropped(std::move(d)), filled(executor) {}
  bool has_room_for(std::size_t size) const {
    return waiting.empty() || (waiting.size() < limits.datagrams && bytes + size <= limits.bytes);
  }
  void count(drop_reason why, std::size_t datagrams) const {
    if (dropped && datagrams > 0) dropped(why, datagrams);
  }
  const datagram_queue_limits limits;
  const count_drops dropped;
  semaphore filled;  ///< counts waiting datagrams
  std::deque<datagram> waiting;
  std::size_t bytes = 0;
  std::error_code ended;
};

class link_end final : public datagram_stream {
 public:
  link_end(asio::any_io_executor executor, std::shared_ptr<queue> in, std::shared_ptr<queue> out)
      : executor_(std::move(executor)), in_(std::move(in)), out_(std::move(out)) {}
  ~link_end() override { end(end_code::graceful); }

  asio::any_io_executor get_executor() const override { return executor_; }

  asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                       std::error_code& ec) override {
    const auto q = in_;
    co_await q->filled.async_acquire(1, or_error(ec));
    if (q->waiting.empty() && !ec) ec = q->ended;  // end() came between a datagram and its receiver
    if (ec && (ec != q->ended || q->waiting.empty())) co_return 0;
    ec.clear();  // what was sent before the end comes first
    datagram d = std::move(q->waiting.front());
    q->waiting.pop_front();
    q->bytes -= d.data.size();
    peer = std::move(d.peer);
    if (d.data.size() > into.size()) ec = asio::error::message_size;
    co_return asio::buffer_copy(into, asio::buffer(d.data));
  }

  asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) override {
    queue& q = *out_;
    ec = q.ended;
    if (ec) co_return;
    if (!q.has_room_for(data.size())) {
      q.count(drop_reason::queue_full, 1);
      co_return;
    }
    const auto* first = static_cast<const std::byte*>(data.data());
    q.waiting.emplace_back(peer, std::vector<std::byte>(first, first + data.size()));
    q.bytes += data.size();
    q.filled.release();
  }

  void end(end_code code) noexcept override {
    stop(*out_, code == end_code::graceful ? std::error_code(asio::error::eof) : make_error_code(code));
    stop(*in_, asio::error::operation_aborted);
    in_->count(code == end_code::rejected ? drop_reason::refused : drop_reason::ended, in_->waiting.size());
    in_->waiting.clear();
  }

 private:
  static void stop(queue& q, std::error_code why) noexcept {
    if (q.ended) return;
    q.ended = why;
    q.filled.close(why);
  }

  const asio::any_io_executor executor_;
  const std::shared_ptr<queue> in_, out_;
};

class counting final : public datagram_stream {
 public:
  counting(std::shared_ptr<datagram_bytes> bytes, std::unique_ptr<datagram_stream> stream)
      : bytes_(std::move(bytes)), stream_(std::move(stream)) {}

  asio::any_io_executor get_executor() const override { return stream_->get_executor(); }
  asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                       std::error_code& ec) override {
    const std::size_t n = co_await stream_->receive(into, peer, ec);
    bytes_->received += n;
    co_return n;
  }
  asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) override {
    co_await stream_->send(data, peer, ec);
    if (!ec) bytes_->sent += data.size();
  }
  void end(end_code code) noexcept override { stream_->end(code); }

 private:
  const std::shared_ptr<datagram_bytes> bytes_;
  const std::unique_ptr<datagram_stream> stream_;
};

}  // namespace

std::unique_ptr<datagram_stream> counted_by(std::shared_ptr<datagram_bytes> bytes,
                                            std::unique_ptr<datagram_stream> stream) {
  return std::make_unique<counting>(std::move(bytes), std::move(stream));
}

std::pair<std::unique_ptr<datagram_stream>, std::unique_ptr<datagram_stream>> make_datagram_link(
    const asio::any_io_executor& executor, datagram_queue_limits limits, count_drops dropped) {
  const auto up = std::make_shared<queue>(executor, limits, dropped),
             down = std::make_shared<queue>(executor, limits, dropped);
  return {std::make_unique<link_end>(executor, down, up), std::make_unique<link_end>(executor, up, down)};
}

}  // namespace muxpro::proxy
