#include "proxy/udp/framed_datagrams.hpp"

#include <muxpro/proxy/client.hpp>

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_waiting = 256 * 1024;
constexpr std::size_t usual_input = 8 * 1024;
constexpr std::size_t longest_frame = 65535 + 512;  // a datagram with its address

}  // namespace

/// What goes to the peer. It outlives the stream while it writes.
struct framed_datagrams::output {
  output(std::shared_ptr<connection> c, std::vector<std::byte> head, count_drops d)
      : to(std::move(c)), waiting(std::move(head)), dropped(std::move(d)) {}

  void end(end_code code) noexcept {
    if (ended == asio::error::operation_aborted) return;
    ended = asio::error::operation_aborted;
    if (datagrams > 0) dropped(drop_reason::ended, datagrams);
    if (code == end_code::graceful && !broken)
      to->close();
    else
      to->cut(code == end_code::graceful ? end_code::protocol_error : code);
  }
  /// Whether it will be closed when all is written, which is in time.
  bool closes_later() noexcept try {
    if (writing && !ended && !broken && !closes_by) closes_by.emplace(to, lingering_limit);
    return closes_by.has_value();
  } catch (...) {
    return false;  // no memory for a timer
  }

  const std::shared_ptr<connection> to;
  std::vector<std::byte> waiting, sending;
  std::size_t datagrams = 0;  ///< in `waiting`
  const count_drops dropped;
  std::error_code ended;
  std::optional<deadline> closes_by;  ///< it is closed when all is written
  bool writing = false;
  bool broken = false;  ///< the peer's bytes are invalid, or did not end in order, so it is cut
};

framed_datagrams::framed_datagrams(std::shared_ptr<connection> c, const datagram_framing& framing,
                                   beginning first, count_drops dropped)
    : output_(std::make_shared<output>(std::move(c), std::move(first.head), std::move(dropped))),
      framing_(framing),
      peers_head_(std::move(first.peers_head)),
      peer_(std::move(first.peer)),
      to_peer_alone_(first.to_peer_alone),
      in_(std::move(first.received)),
      end_(in_.size()) {}

framed_datagrams::~framed_datagrams() { end(end_code::graceful); }

asio::any_io_executor framed_datagrams::get_executor() const { return output_->to->get_executor(); }

// --- from the peer

asio::awaitable<std::size_t> framed_datagrams::receive(asio::mutable_buffer into, host_port& peer,
                                                       std::error_code& ec) {
  ec = output_->ended;
  while (!ec) {
    if (peers_head_) strip_head(ec);
    const auto n = ec || peers_head_ ? std::nullopt : take(into, peer, ec);
    if (n) co_return *n;
    if (!ec) co_await read(ec);
  }
  if (ec != asio::error::eof && ec != asio::error::operation_aborted) output_->broken = true;
  if (begin_ < end_) output_->dropped(drop_reason::malformed, 1);
  begin_ = end_;
  co_return 0;
}

asio::awaitable<host_port> framed_datagrams::first_target(std::error_code& ec) {
  ec = output_->ended;
  while (!ec) {
    framed_datagram d = framing_.read(unread());
    if (d.what == framed_datagram::status::datagram) co_return *std::move(d.where);
    if (d.what == framed_datagram::status::broken) ec = make_error_code(end_code::protocol_error);
    if (!ec) co_await read(ec);
  }
  co_return host_port();
}

void framed_datagrams::strip_head(std::error_code& ec) {
  const std::size_t n = peers_head_(unread(), ec);
  begin_ += n;
  if (n > 0) peers_head_ = nullptr;
}

// Returns nothing if more is needed, or `ec` is set.
std::optional<std::size_t> framed_datagrams::take(asio::mutable_buffer into, host_port& peer,
                                                  std::error_code& ec) {
  framed_datagram d = framing_.read(unread());
  if (d.what == framed_datagram::status::broken) ec = make_error_code(end_code::protocol_error);
  if (d.what != framed_datagram::status::datagram) return std::nullopt;
  begin_ += d.consumed;
  peer = d.where ? *std::move(d.where) : peer_;
  if (d.payload.size() > into.size()) ec = asio::error::message_size;
  return asio::buffer_copy(into, asio::buffer(d.payload.data(), d.payload.size()));
}

asio::awaitable<void> framed_datagrams::read(std::error_code& ec) {
  std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_),
            in_.begin() + static_cast<std::ptrdiff_t>(end_), in_.begin());
  end_ -= std::exchange(begin_, 0);
  if (end_ == in_.size()) in_.resize(std::min(std::max(2 * end_, usual_input), longest_frame));
  end_ += co_await output_->to->read_some(asio::buffer(in_) + end_, ec);
  if (output_->ended) ec = output_->ended;
}

// --- to the peer

asio::awaitable<void> framed_datagrams::send(asio::const_buffer data, const host_port& peer,
                                             std::error_code& ec) {
  output& o = *output_;
  ec = o.ended;
  if (!ec && o.closes_by) ec = asio::error::operation_aborted;
  if (ec) co_return;
  const const_bytes payload(static_cast<const std::byte*>(data.data()), data.size());
  if (o.waiting.size() + payload.size() > most_waiting) {
    o.dropped(drop_reason::queue_full, 1);
  } else if (to_peer_alone_ && peer != peer_) {
    o.dropped(drop_reason::not_allowed, 1);
  } else if (!framing_.append(o.waiting, peer, payload)) {
    o.dropped(drop_reason::not_sent, 1);
    ec = errc::datagram_too_large;
  } else {
    ++o.datagrams;
    if (!std::exchange(o.writing, true))
      asio::co_spawn(o.to->get_executor(), write(output_), [](std::exception_ptr) {});
  }
}

asio::awaitable<void> framed_datagrams::write(std::shared_ptr<output> o) {
  while (!o->ended && !o->waiting.empty()) {
    o->sending.swap(o->waiting);
    o->datagrams = 0;
    std::error_code ec;
    const asio::const_buffer rest = o->to->write_now(o->sending);
    if (rest.size() > 0) co_await o->to->write(rest, ec);
    if (ec && !o->ended) o->ended = ec;
    o->sending.clear();
  }
  o->writing = false;
  if (o->closes_by) o->end(end_code::graceful);
}

void framed_datagrams::end(end_code code) noexcept {
  if (code == end_code::graceful && output_->closes_later()) return;
  output_->end(code);
}

}  // namespace muxpro::proxy
