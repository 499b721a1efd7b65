// stream_state, one sub-stream in the driver. Holds the rules' view of it, its send credit, the bytes that
// were received and not read, and the pending operations. Owned by its handle and, until both sides have
// ended it, by the session.
#pragma once

#include <muxpro/detail/buffers.hpp>
#include <muxpro/detail/byte_ring.hpp>
#include <muxpro/detail/datagram_state.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/detail/progress_watch.hpp>
#include <muxpro/detail/protocol.hpp>
#include <muxpro/detail/recycled.hpp>
#include <muxpro/detail/ref.hpp>
#include <muxpro/detail/semaphore_core.hpp>
#include <muxpro/detail/sink.hpp>
#include <muxpro/stats.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace muxpro::detail {

class session_impl;
class stream_state;
struct backlog_tag;

/// A read that waits.
class read_op : public pending_op<error_code, std::size_t> {
 public:
  /// Takes bytes that have arrived. Returns how many it has taken.
  std::size_t take(const write_buffers& data) {
    const std::size_t n = take_some(data);
    taken_ += n;
    return n;
  }
  std::size_t taken() const noexcept { return taken_; }
  /// Completes in this turn of the read loop.
  virtual bool due() const noexcept = 0;
  /// Returns how many bytes a large read can still take. Any other read has no limit.
  virtual std::size_t large_room() const noexcept { return ~std::size_t{0}; }
  static constexpr std::size_t large = 16 * 1024;
  /// Returns where pieces lie that it takes together. Null if it takes each piece as it comes.
  virtual write_buffers* gathered() noexcept { return nullptr; }

 protected:
  ~read_op() = default;

 private:
  virtual std::size_t take_some(const write_buffers& data) = 0;
  std::size_t taken_ = 0;
};

/// Into the reader's buffers.
class copying_read : public read_op {
 public:
  explicit copying_read(read_buffers b) : into_(b) {}
  bool due() const noexcept override { return taken() > 0; }
  std::size_t large_room() const noexcept override {
    return into_.size() < large ? read_op::large_room() : into_.size() - taken();
  }

 protected:
  ~copying_read() = default;

 private:
  std::size_t take_some(const write_buffers& data) override;
  read_buffers into_;
};

/// Into a sink, until that is full. What one turn of the read loop has for it goes there together, as many
/// pieces at a time as write_buffers holds.
class flow_op : public read_op {
 public:
  explicit flow_op(sink& to) : to_(to) {}
  bool due() const noexcept override { return full_; }
  write_buffers* gathered() noexcept override { return &gathered_; }

 protected:
  ~flow_op() = default;

 private:
  std::size_t take_some(const write_buffers& data) override {
    const std::size_t n = to_.take(data);
    full_ = n < data.size();
    return n;
  }
  sink& to_;
  bool full_ = false;
  write_buffers gathered_;
};

/// Goes with the completion of a write to its handler. Until the handler has returned, a write that it begins
/// continues the completed one. asio::async_write() is such a chain.
class write_completion {
 public:
  explicit write_completion(stream_state& s) noexcept;
  write_completion(write_completion&& other) noexcept;
  write_completion& operator=(write_completion&&) = delete;
  ~write_completion();
  /// The handler is about to be called.
  void begin() noexcept;

 private:
  ref<stream_state> stream_;  ///< null if moved from
  bool begun_ = false;
};

struct write_op : guarded_op<write_completion, error_code, std::size_t>, semaphore_core::waiter {
  write_op(stream_state& s, write_buffers b) : waiter(1, 1), stream(&s), from(b) {}
  void granted(std::uint64_t n) override;
  void failed(std::error_code) override {}
  void abandoned() noexcept override {}

  stream_state* stream;
  write_buffers from;
  std::size_t allowed = 0;  ///< covered by credit
  std::size_t framed = 0;   ///< handed to the main connection
  time_point stalled_at{};  ///< since when it waits for credit
};

using shutdown_op = pending_op<error_code>;
using wait_reset_op = pending_op<error_code>;

class stream_state final : public stream_rules, public list_node<backlog_tag>, public ref_counted {
  // First, where the count leaves room.
  bool in_flight_ = false;    ///< a gather write under way holds bytes of `writer_`
  bool finishing_ = false;    ///< our End(0) follows what is not sent yet
  bool closing_ = false;      ///< only copied bytes precede that End, so the shutdown cannot be cancelled
  bool torn_ = false;         ///< the last write was cancelled, or refused by close(), with bytes left
  bool continuing_ = false;   ///< the handler of a write is being called
  bool discarding_ = false;   ///< there is no reader, so arriving bytes are dropped
  bool peer_closed_ = false;  ///< the peer ended both directions before this side had

 public:
  stream_state(std::shared_ptr<session_impl> owner, stream_id stream, const destination& d, std::uint8_t p,
               time_point now);
  ~stream_state();

  // --- what the handles do
  /// True if the read is over at once: `n` bytes, or `ec`.
  bool read_now(const read_buffers& into, error_code& ec, std::size_t& n);
  /// Returns true if the flow is over at once, because the sink is full after `n` bytes or the stream has
  /// ended with `ec`.
  bool flow_now(sink& to, error_code& ec, std::size_t& n);
  void start_read(read_op* op) { reader_ = op; }
  void cancel_read(read_op* op);
  /// Returns why a write cannot begin, or no error if it can. Between the end of a write and the return of
  /// its handler a shutdown does not refuse the next write.
  error_code check_write();
  /// Returns true if all of a small write was copied. Then the write is done, and wake_writer() must follow.
  bool stage(const write_buffers& from);
  void start_write(write_op* op);
  void cancel_write(write_op* op);
  /// True if the shutdown is over at once, else start_shutdown() must follow.
  bool shutdown_now(error_code& ec);
  void start_shutdown(shutdown_op* op) { shutting_down_ = op; }
  void cancel_shutdown(shutdown_op* op);
  /// True if it is cut or waited for already.
  bool cut_now(error_code& ec) const;
  void start_wait_reset(wait_reset_op* op) { reset_waiter_ = op; }
  void cancel_wait_reset(wait_reset_op* op);
  /// As the cancellation of each pending operation.
  void cancel();
  void reset(end_code code);
  /// End(0) behind what was taken over. What still comes is discarded, within session_options::discard_limit.
  /// Pending reads are aborted. A write that waits or was cut short makes it a reset.
  void close();
  /// A handle is destroyed. Takes over its reference, and does what close() does, without exceptions.
  static void abandon(stream_state* handle) noexcept;
  /// The session is being closed in good order. Resets the sub-stream if this side has not finished it.
  void cut_off(error_code why);
  void write_completes() noexcept { ++completing_; }
  void write_continues() noexcept {
    --completing_;
    continuing_ = true;
  }
  /// The handler has returned (`called`) or was destroyed. Takes over the reference.
  static void write_completed(stream_state* handle, bool called) noexcept;

  /// True if `op` was completed.
  bool receive_now(receive_op& op);
  void start_receive(receive_op* op) { datagrams->receiver = op; }
  void cancel_receive(receive_op* op);
  error_code send_datagram(const whole_buffers<asio::const_buffer>& data, const host_port* to);

  stream_stats report() const;
  error_code fate() const noexcept { return fate_; }
  const std::shared_ptr<session_impl>& session() const noexcept { return session_; }

  // --- what the session does
  void data_announced(std::size_t size, bool addressed);
  /// Takes the next piece of announced data. `last` is true if the frame ends with it. Returns false if a
  /// datagram has an invalid prefix.
  bool deliver(const_bytes data, bool last);
  std::size_t large_read_room() const noexcept { return reader_ ? reader_->large_room() : ~std::size_t{0}; }
  /// Passes on what was gathered, and completes a read that is due in this turn of the read loop. Returns
  /// false if the read still waits.
  bool flush_reader();
  void add_credit(std::uint64_t n);
  /// First data that rides in New, on a fresh sub-stream.
  void spend_credit(std::uint64_t n) noexcept;
  void peer_ended();
  /// The same for both directions. The peer has got our End as its answer, and takes no more bytes.
  void peer_closed();
  /// Drops the copied bytes and an End behind them, because the peer takes no more.
  void drop_staged() noexcept;
  /// Every operation completes with `why`, and no more bytes are sent. If `drop` is true, unread bytes are
  /// lost, too.
  void fail(error_code why, bool drop);
  /// The execution context is being destroyed. Destroys handlers without calling them.
  void drop_operations() noexcept;

  // --- what the outbox does
  std::size_t sendable() const noexcept;
  /// Small writes that were taken over. They go first.
  const_bytes staged() const noexcept { return staged_; }
  void staged_sent(std::size_t n) noexcept;
  /// The credit that goes back now, see recv_window::grant().
  std::uint32_t grant(time_point t) noexcept;
  write_op* writer() noexcept { return writer_; }
  /// Our End(0) is due behind the last byte, which is framed.
  bool end_due() const noexcept { return finishing_ && !unsent(); }
  void end_if_finishing();
  void datagram_sent();
  /// The gather write that held bytes of this sub-stream is over.
  void write_done();
  bool in_flight() const noexcept { return in_flight_; }
  void mark_in_flight() noexcept { in_flight_ = true; }

  ref<stream_state> listed_self;  ///< set while the session's table holds it
  const destination target;
  std::unique_ptr<datagram_state> datagrams;  ///< UDP only
  progress_watch stall;                       ///< a write waits for credit
  struct {
    traffic sent, received;
    std::uint64_t credit_stalls = 0;
    duration credit_stalled{};
  } counted;
  bool waiting_for_credit() const noexcept { return writer_ && writer_->linked(); }
  /// Credit has come for the write.
  void granted(std::uint64_t n);

 private:
  bool ended_for_reader(error_code& ec) const;
  bool gather(const_bytes data);
  void pass_gathered();
  std::size_t fill_reader(const_bytes data);
  void consumed(std::uint64_t n);
  std::uint64_t drop_unread() noexcept;
  void discard();
  void return_credit(std::uint64_t n, bool frame_is_over = true);
  void grant_if_due(bool frame_is_over = true);
  void end_stall();
  void finish_write(error_code ec);
  void send_end();
  void drop_unsent();
  void release_if_ended();
  /// With its memory, which assigning {} would keep.
  void forget_staged() noexcept { decltype(staged_)().swap(staged_); }
  /// Something has to be framed before our End(0).
  bool unsent() const noexcept;
  bool only_taken_over() const noexcept;
  bool may_continue() const noexcept { return completing_ > 0 || continuing_; }
  void end_torn();
  bool datagram_arrived();
  std::size_t repeated_source(const_bytes behind_prefix) const noexcept;
  void hand_over(datagram d, receive_op& op);
  void pay_for_datagram();
  time_point now() const;

  std::shared_ptr<session_impl> session_;
  semaphore_core credit_;
  byte_ring unread_;
  std::vector<std::byte, recycled_allocator<std::byte>> staged_;
  read_op* reader_ = nullptr;
  write_op* writer_ = nullptr;
  shutdown_op* shutting_down_ = nullptr;
  wait_reset_op* reset_waiter_ = nullptr;
  error_code fate_;          ///< why operations fail from now on
  time_point written_at_{};  ///< when the last write ended, while `stall` runs
  std::uint64_t discarded_ = 0;
  std::uint32_t completing_ = 0;  ///< writes that are over and whose handlers have not been called
};

inline void write_op::granted(std::uint64_t n) { stream->granted(n); }

inline write_completion::write_completion(stream_state& s) noexcept : stream_(s) { s.write_completes(); }
inline write_completion::write_completion(write_completion&& other) noexcept = default;
inline void write_completion::begin() noexcept {
  begun_ = true;
  stream_->write_continues();
}
inline write_completion::~write_completion() {
  if (stream_state* const s = stream_.detach()) stream_state::write_completed(s, begun_);
}

}  // namespace muxpro::detail
