// session_impl, the driver of a session, with three short loops (read, write, watch) that call the rules.
#pragma once

#include <muxpro/detail/byte_stream.hpp>
#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/outbox.hpp>
#include <muxpro/detail/protocol.hpp>
#include <muxpro/detail/session_waiters.hpp>
#include <muxpro/detail/shared_options.hpp>
#include <muxpro/detail/strand_check.hpp>
#include <muxpro/detail/stream_state.hpp>
#include <muxpro/detail/stream_watcher.hpp>
#include <muxpro/detail/thread_memory.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <typeinfo>
#include <vector>

namespace muxpro::detail {

class session_impl final : public std::enable_shared_from_this<session_impl>,
                           private shutdown_participant,
                           private buffer_budget::holder {
 public:
  session_impl(std::unique_ptr<byte_stream> next, asio::any_io_executor executor, role side,
               session_options options);
  ~session_impl() { process_budget_->leave(*this); }

  // --- what the handle does
  void start_handshake(result_op* op);
  void start_run(result_op* op);
  /// Returns true if it is decided at once. `stream` is the result if `ec` is clear.
  bool open_now(open_request& request, error_code& ec, sub_stream& stream);
  /// Opens that wait for room go before one that comes now.
  void serve_waiting_opens() {
    if (!opens_.empty() && state_ == state::ready) serve_opens(serve::while_there_is_room);
  }
  void start_open(open_op* op) {
    opens_.push_back(*op);
    expect_run();
  }
  bool accept_now(error_code& ec, sub_stream& stream);
  void start_accept(accept_op* op);
  bool drain_now(error_code& ec);
  void start_drain(drain_op* op) { drains_.push_back(*op); }
  /// Cancels all waiting operations except the handshake and the run.
  void cancel();
  /// True if the session is closed now.
  bool close_now(error_code& ec);
  void start_close(drain_op* op);
  void close(error_code why);
  /// An operation is started on this thread.
  void operation_begins() noexcept { strand_.operation(executor_); }
  void* next_layer(const std::type_info& type) noexcept {
    return next_layer_ ? next_layer_->next_layer(type) : nullptr;
  }
  void* any_layer(const std::type_info& type) noexcept {
    return next_layer_ ? next_layer_->any_layer(type) : nullptr;
  }
  std::string endpoint(endpoint_of which) const {
    return next_layer_ ? next_layer_->endpoint(which) : std::string();
  }
  void watch_streams(stream_watcher* w) noexcept { watcher_ = w; }

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  std::optional<version> agreed() const noexcept { return version_; }
  session_stats report() const;
  /// Why it was closed. No error before.
  error_code fate() const noexcept { return fate_; }

  // --- what sub-streams do
  protocol& rules() noexcept { return rules_; }
  write_queue& queue() noexcept { return queue_; }
  const session_options& options() const noexcept { return options_; }
  bool closed() const noexcept { return state_ == state::closed; }
  bool speaks_addresses() const noexcept { return version_ && *version_ >= version_0_1; }
  time_point now() const { return timer_ ? timer_->now() : clock::now(); }
  /// `more` frames may come before it looks.
  void wake_writer(std::size_t more = 0);
  /// Makes sure that the watch looks again at `deadline`.
  void watch(time_point deadline);
  void flush_after_turn(stream_state& s) { to_flush_.push_back(&s); }
  /// An ended sub-stream leaves the table.
  void release(stream_state& s);
  void object_gone(stream_state& s) noexcept;
  /// The application has taken bytes where there is no credit to grant for them.
  void room_made(stream_state& s) {
    if (full_ == &s) try_full_again();
  }
  void grow_window(stream_state& s, std::uint32_t larger);
  void window_returned(std::uint64_t n) noexcept;
  bool short_of_memory() const noexcept;
  void buffered(std::uint64_t n) noexcept;
  void unbuffered(std::uint64_t n) noexcept;
  void stalled_for(duration d) noexcept;
  /// What comes next for it is here already.
  bool has_more_for(const stream_state& s) const noexcept {
    return data_for_ == &s && decoder_.payload_left() > 0 && !unparsed_.empty();
  }
  void on_rtt_sample(stream_state& s, duration round_trip) noexcept;

 private:
  enum class state { idle, negotiating, ready, closed };

  // --- sequences
  static asio::awaitable<void> negotiate_loop(std::shared_ptr<session_impl> self);
  static asio::awaitable<void> run_loop(std::shared_ptr<session_impl> self, bool negotiated);
  static loop read_loop(std::shared_ptr<session_impl> self);
  static loop write_loop(std::shared_ptr<session_impl> self);
  bool more_may_come(int turn, int least);
  bool gather();
  static loop watch_loop(std::shared_ptr<session_impl> self);
  auto wait_until_armed();
  asio::awaitable<void> negotiate();
  asio::awaitable<error_code> ask_version();
  asio::awaitable<error_code> answer_version();
  asio::awaitable<error_code> read_negotiation(negotiate_version& f);
  asio::awaitable<error_code> write_all(const_bytes data);
  struct loop_done;
  struct negotiation_deadline;
  auto wait_for_output();
  /// What stops them. The handshake is a part of the run, and read_on() takes the place of the writes.
  enum stop_of { stop_run, stop_reads, stop_writes, stops };
  void spawn_loop(asio::awaitable<void> work, stop_of which);
  void spawn_loop(loop l);
  friend class loop::promise_type;
  void loop_ended(std::exception_ptr failure);
  auto read_some();
  auto wait_for_bytes();
  auto wait_for_room();
  void read_now();
  bytes room_to_read() noexcept;
  void give_back_memory() noexcept;
  void give_read_memory_back() noexcept;
  auto write_rest();
  error_code result_of_run() const;

  // --- reading
  void ready(version v, dialect d);
  void take_in(error_code ec, std::size_t n);
  void process_turn();
  void end_turn();
  bool control_flooded() const noexcept;
  void handle_frame();
  void handle_payload(const_bytes data);
  void act_on(const protocol::event& e);
  void open_by_peer(const new_stream& f);
  void begin_data(stream_state& s, std::size_t size);
  void end_stream(stream_state& s, error_code why);
  error_code strip_peers_head();
  void lost(error_code ec);
  bool peer_left(error_code ec) const noexcept;

  // --- without credit
  void wait_until_read(stream_state& s, std::size_t announced);
  void begin_grace();
  void try_full_again();
  void read_again();
  time_point check_full(time_point t);

  // --- closing in good order
  void leave(error_code as);
  void left();
  bool goodbye_due() const noexcept;
  auto send_goodbye();
  void goodbye_sent();
  static asio::awaitable<void> read_on(std::shared_ptr<session_impl> self, error_code why);

  // --- watching
  void check_deadlines();
  time_point check_session(time_point t);
  time_point check_rest(time_point t) noexcept;
  void rest() noexcept;
  time_point idle_deadline() const noexcept;
  time_point close_idle();
  time_point stream_deadline(stream_state& s) const;
  void end_by_timeout(stream_state& s);
  void set_keep_alive(time_point t);

  sub_stream open_stream(stream_id id, open_request& request);
  void send_first_data(stream_state& s, const_bytes rest);
  ref<stream_state> add_stream(stream_id id, const destination& d, std::uint8_t priority);
  bool drained() const noexcept;
  void check_drained();
  /// A line for session_options::log.
  template <class... Args>
  void log(severity how, fmt::format_string<Args...> text, const Args&... args) const noexcept;
  struct run_deadline;
  /// An operation waits for async_run(). Without that the session ends after negotiate_timeout.
  void expect_run();
  enum class serve { all, while_there_is_room };
  void serve_opens(serve which);
  void context_destroyed() noexcept override;
  bool release_memory() noexcept override;

  asio::any_io_executor executor_;
  std::vector<std::byte> first_bytes_;  ///< of the peer, until the negotiation is over
  std::vector<std::byte> head_;         ///< goes with the first frame
  head_reader peers_head_;              ///< until its end has come
  std::vector<std::byte> peers_beginning_;
  std::string budget_user_;  ///< until the run begins
  const std::shared_ptr<const session_options> shared_options_;
  const session_options& options_;
  const role role_;
  std::unique_ptr<byte_stream> next_layer_;
  std::optional<context_timer> timer_;
  std::shared_ptr<buffer_budget> process_budget_;
  std::minstd_rand random_;

  state state_ = state::idle;
  bool runs_ = false;          ///< async_run() was started
  bool run_expected_ = false;  ///< run_deadline waits
  time_point run_by_ = time_point::max();
  strand_check strand_;
  std::optional<version> version_;
  error_code fate_;  ///< why it was closed
  session_counts counted_;
  std::uint64_t promised_ = 0;  ///< window beyond 64 KiB, all sub-streams

  write_queue queue_;
  protocol rules_;
  outbox outbox_;
  decoder decoder_;
  const bool reads_when_ready_;
  thread_memory read_memory_;
  last_memory read_reserve_;          ///< where there is no memory
  const_bytes unparsed_;              ///< of one of these
  bool more_is_there_ = false;        ///< the last read was a full one
  stream_state* data_for_ = nullptr;  ///< whose payload is arriving, null to discard it
  std::vector<stream_state*> to_flush_;
  stream_state* full_ = nullptr;  ///< has no room for the payload that comes next, so reading stops meanwhile
  std::size_t announced_for_full_ = 0;
  time_point full_until_{};      ///< then it is ended, unless it is the only one
  bool looked_at_full_ = false;  ///< that time is over, and its consumer gets a last turn
  loop::step reader_waits_;
  stream_watcher* watcher_ = nullptr;
  time_point turn_time_{};

  time_point active_at_{};
  time_point unused_since_{};  ///< without sub-streams
  bool rests_ = true;          ///< it has no memory that it had for sub-streams
  time_point next_keep_alive_ = time_point::max();
  time_point armed_ = time_point::max();
  /// Bytes of a begun frame, or of a write, in each period of their time-outs.
  static constexpr std::uint64_t progress_floor = 4096;
  progress_watch read_watch_, write_watch_;
  error_code write_error_;  ///< no more can be sent

  bool leaving_ = false;       ///< it is being closed in good order
  bool reads_ended_ = false;   ///< the peer's goodbye has come
  bool goodbye_sent_ = false;  ///< no more frames are sent
  bool has_left_ = false;      ///< in good order
  error_code leaves_as_;       ///< its fate then
  time_point leaves_until_ = time_point::max();

  result_op* run_ = nullptr;
  result_op* handshake_ = nullptr;
  loop::step writer_waits_;
  std::size_t gather_size_ = 0;  ///< frames that waited for the next gather when it was last looked at
  int loops_ = 0;
  asio::cancellation_signal stop_[stops];
  intrusive_list<open_op> opens_;
  intrusive_list<accept_op> accepts_;
  intrusive_list<drain_op> drains_, closes_;
  intrusive_list<stream_state, backlog_tag> backlog_;
  std::size_t backlog_size_ = 0;
};

}  // namespace muxpro::detail

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/outbox.ipp>
#include <muxpro/impl/session_budget.ipp>
#include <muxpro/impl/session_ends.ipp>
#include <muxpro/impl/session_frames.ipp>
#include <muxpro/impl/session_full.ipp>
#include <muxpro/impl/session_goodbye.ipp>
#include <muxpro/impl/session_impl.ipp>
#include <muxpro/impl/session_negotiation.ipp>
#include <muxpro/impl/session_read.ipp>
#include <muxpro/impl/session_watch.ipp>
#include <muxpro/impl/session_write.ipp>
#include <muxpro/impl/stream_datagrams.ipp>
#include <muxpro/impl/stream_ends.ipp>
#include <muxpro/impl/stream_read.ipp>
#include <muxpro/impl/stream_state.ipp>
#include <muxpro/impl/stream_write.ipp>
#endif
