// websocket_core, which a websocket_stream and its operations share. Ring 4.
#pragma once

#include "proxy/transport/erased_stream.hpp"
#include "proxy/transport/websocket_opening.hpp"
#include "proxy/transport/websocket_outgoing.hpp"
#include "proxy/websocket/reader.hpp"

#include <muxpro/layer.hpp>
#include <muxpro/session.hpp>
#include <muxpro/timer.hpp>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// What comes before the first frame.
struct websocket_beginning {
  std::vector<std::byte> data;                   ///< the peer's first data, from its handshake
  std::vector<std::byte> frames;                 ///< bytes that were read behind the handshake
  duration heartbeat{0};                         ///< a Ping so often, 0 means no Ping
  std::unique_ptr<websocket_opening> opening{};  ///< the handshake that has yet to come, null if it is over
};

/// Without `next` the stream is gone.
template <class Next>
class websocket_core : public std::enable_shared_from_this<websocket_core<Next>> {
 public:
  using executor_type = typename Next::executor_type;
  /// An erased stream writes one buffer at a time, and a client masks, so these write a copy.
  static constexpr bool can_gather = !std::same_as<Next, erased_stream>;

  websocket_core(Next below, role own, websocket_beginning first)
      : executor(below.get_executor()),
        side(own),
        next(std::move(below)),
        reader_(own == role::server),
        first_(std::move(first)) {}

  // --- reading

  /// Takes what a read got into the caller's memory. Returns the size of the data, which are at its front.
  std::size_t take_in(bytes in) {
    const std::size_t n = reader_.next(in);
    write_controls();
    return n;
  }
  /// Data that need no read of the stream below.
  std::size_t read_held(bytes into) {
    const std::size_t n = move_some(first_.data, into);
    if (n > 0 || into.empty()) return n;
    while (!first_.frames.empty())
      if (const std::size_t m = take_in(into.first(move_some(first_.frames, into))); m > 0) return m;
    return 0;
  }
  /// Returns why no more data come, or no error if they may come.
  std::error_code end() const noexcept {
    if (failure_) return failure_;
    if (reader_.failure()) return reader_.failure();
    return reader_.ended() ? make_error_code(asio::error::eof) : std::error_code();
  }
  bool reads_at_once() const noexcept { return !first_.data.empty() || !first_.frames.empty() || end(); }
  /// A stream that ends without a Close was cut.
  static std::error_code meaning_of(std::error_code ec) noexcept {
    return ec == asio::error::eof ? make_error_code(asio::error::connection_reset) : ec;
  }

  // --- the handshake, where it waits for the first data

  bool is_opening() const noexcept { return first_.opening && !failure_; }
  /// Calls `op` when the handshake is over.
  template <class Op>
  void wait_until_open(Op op) {
    if (!opened_) opened_.emplace(executor, counted_timer::time_point::max());
    opened_->async_wait(std::move(op));
  }
  /// Takes a part of the server's answer, and what is behind it.
  void take_answer(bytes in) {
    std::size_t behind = 0;
    std::error_code ec;
    if (!first_.opening->take(in, behind, ec)) return;
    if (ec) return fail_opening(ec);
    first_.opening.reset();
    first_.frames.assign(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(behind));
    wake_all();
  }
  void fail_opening(std::error_code why) noexcept {
    failure_ = why;
    wake_all();
  }
  void read_answer();

  // --- writing

  /// A write has to wait for its turn.
  bool is_busy() const noexcept { return out || (is_opening() && first_.opening->asked()); }
  /// Begins a message of the first of `data`, behind control frames that are due. Not while it is busy.
  void begin_write(std::span<const asio::const_buffer> data) {
    if (first_.opening) return ask(data);
    optional_mask mask;
    if (side == role::client) mask = random_mask();
    out = std::make_unique<websocket_outgoing>(due_controls(), data, mask, !can_gather || mask);
  }
  /// The stream below has taken all of `out`, or has failed.
  void end_write() {
    out.reset();
    if (!waits_)
      write_controls();
    else if (!is_busy())
      turn_->cancel();
  }
  /// Calls `op` when the write that is under way is over.
  template <class Op>
  void wait_for_turn(Op op) {
    if (!turn_) turn_.emplace(executor, counted_timer::time_point::max());
    waits_ = true;
    turn_->async_wait(std::move(op));
  }
  void turn_has_come() noexcept { waits_ = false; }
  /// Why no more data can be written.
  std::error_code write_failure() const noexcept {
    if (!next) return asio::error::operation_aborted;
    if (failure_) return failure_;
    return finished_ || closed_ || reader_.closed() ? make_error_code(asio::error::broken_pipe)
                                                    : std::error_code();
  }
  /// The last data were written. The mark of an end goes at once, a Close when the peer has ended, too. Other
  /// clients than muxpro's wait for a server's Close, and drop what they have not passed on when it comes.
  void finish() {
    if (std::exchange(finished_, true)) return;
    finish_due_ = true;
    if (side == role::server && !reader_.ended()) close_after(close_delay);
  }
  /// A message may be cut, so no frame may follow it.
  void fail_writes() noexcept { closed_ = true; }
  bool controls_are_due() const noexcept {
    if (first_.opening) return is_opening() && !first_.opening->asked() && finish_due_;
    return !closed_ && (finish_due_ || close_due() || ping_due_ || has_answer());
  }
  /// Writes the frames that are due. If a write is under way, they go with the next one.
  void write_controls() noexcept;

  void beat_every(duration period) try {
    beat_.emplace(executor, period);
    beat_->async_wait([weak = this->weak_from_this(), period](std::error_code stopped) {
      const auto self = weak.lock();
      if (stopped || !self || !self->next || self->finished_ || self->closed_) return;
      self->ping_due_ = true;
      self->write_controls();
      self->beat_every(period);
    });
  } catch (...) {
    // Without memory there are no more pings.
  }
  /// The stream goes. Operations complete with operation_aborted.
  void abandon() noexcept {
    next.reset();
    beat_.reset();
    limit_.reset();
    if (turn_) turn_->cancel();
    if (opened_) opened_->cancel();
  }

  const executor_type executor;
  const role side;
  std::optional<Next> next;
  std::unique_ptr<websocket_outgoing> out;  ///< a write is under way

 private:
  /// As long as V2Ray's server waits for more of a client (uplinkOnly).
  static constexpr duration close_delay = std::chrono::seconds(1);

  /// Sends the request, with all data if they fit.
  void ask(std::span<const asio::const_buffer> data) {
    websocket_opening& o = *first_.opening;
    const layer::gather_list all(data);
    std::vector<std::byte> early(std::min(asio::buffer_size(all), o.most() + 1));
    asio::buffer_copy(asio::buffer(early), all);
    if (early.size() > o.most()) early.clear();
    const std::string request = o.request(early);
    const auto raw = std::as_bytes(std::span(request));
    out = std::make_unique<websocket_outgoing>(std::vector(raw.begin(), raw.end()), early.size());
    limit_.emplace(executor, o.limit());
    limit_->async_wait([weak = this->weak_from_this()](std::error_code stopped) {
      if (const auto self = weak.lock(); self && !stopped) self->give_up();
    });
    read_answer();
  }
  void give_up() noexcept {
    if (!first_.opening || !next) return;
    fail_opening(asio::error::timed_out);
    muxpro::cut(*next);
  }
  void wake_all() noexcept {
    limit_.reset();
    if (opened_) opened_->cancel();
    if (waits_ && !out) turn_->cancel();
  }
  /// Both directions have ended, or the client did not notice the mark.
  bool close_due() const noexcept { return finished_ && (reader_.ended() || close_late_); }
  void close_after(duration time) {
    beat_.emplace(executor, time);
    beat_->async_wait([weak = this->weak_from_this()](std::error_code stopped) {
      const auto self = weak.lock();
      if (stopped || !self || !self->next) return;
      self->close_late_ = true;
      self->write_controls();
    });
  }
  bool has_answer() const noexcept { return reader_.has_ping() || reader_.closed() || reader_.failure(); }
  static std::size_t move_some(std::vector<std::byte>& from, bytes into) {
    const std::size_t n = std::min(from.size(), into.size());
    if (n > 0) std::memcpy(into.data(), from.data(), n);
    if (n == from.size())
      std::vector<std::byte>().swap(from);
    else
      from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(n));
    return n;
  }
  std::vector<std::byte> due_controls() {
    std::vector<std::byte> all;
    if (closed_) return all;
    const auto add = [&all](const std::vector<std::byte>& frame) {
      all.insert(all.end(), frame.begin(), frame.end());
    };
    const auto mask = [this] { return side == role::client ? optional_mask(random_mask()) : std::nullopt; };
    if (const auto ping = reader_.take_ping()) add(websocket_control(websocket_opcode::pong, *ping, mask()));
    if (std::exchange(ping_due_, false)) add(websocket_control(websocket_opcode::ping, {}, mask()));
    const bool closes = close_due() || reader_.closed() || reader_.failure();
    if (std::exchange(finish_due_, false) && !closes)
      add(websocket_control(websocket_opcode::pong, websocket_end_mark, mask()));
    if (!closes) return all;
    add(websocket_close(reader_.failure() ? websocket_protocol_error : websocket_normal, mask()));
    closed_ = true;
    return all;
  }

  websocket_reader reader_;
  websocket_beginning first_;
  std::error_code failure_;  ///< of the handshake
  std::optional<counted_timer> turn_, beat_, limit_, opened_;
  bool waits_ = false;     ///< an operation waits for its turn
  bool finished_ = false;  ///< no more data are written
  bool closed_ = false;    ///< a Close was written, behind which no frame goes
  bool finish_due_ = false, ping_due_ = false, close_late_ = false;
};

}  // namespace muxpro::proxy
