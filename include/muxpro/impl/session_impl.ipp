// Life of a session, with opening, accepting and running.
#pragma once

#include <muxpro/detail/failure.hpp>
#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace muxpro::detail {

// A session that is without sub-streams for so long frees what it had for them.
inline constexpr duration rests_after = std::chrono::seconds(1);

MUXPRO_DECL session_impl::session_impl(std::unique_ptr<byte_stream> next, asio::any_io_executor executor,
                                       role side, session_options options)
    : executor_(std::move(executor)),
      first_bytes_(std::exchange(options.early, {})),
      head_(std::exchange(options.head, {})),
      peers_head_(std::exchange(options.peers_head, nullptr)),
      budget_user_(std::exchange(options.budget_user, {})),
      shared_options_(shared_options::of(std::move(options))),
      options_(*shared_options_),
      role_(side),
      next_layer_(std::move(next)),
      timer_(std::in_place, executor_),
      process_budget_(options_.process_budget ? options_.process_budget : process_wide_budget()),
      random_(static_cast<std::minstd_rand::result_type>(options_.random_seed ? options_.random_seed
                                                                              : std::random_device{}())),
      rules_(side, options_, queue_),
      outbox_(queue_, rules_, options_, counted_),
      decoder_(version_0_0, options_.metadata_limit),
      reads_when_ready_(next_layer_->reads_when_ready()) {
  register_with(executor_);
}

template <class... Args>
void session_impl::log(severity how, fmt::format_string<Args...> text, const Args&... args) const noexcept {
  if (!options_.log) return;
  try {
    options_.log(how, fmt::vformat(text, fmt::make_format_args(args...)));
  } catch (...) {
    // A line that cannot be written does not end the session.
  }
}

// --- opening and accepting

MUXPRO_DECL bool session_impl::open_now(open_request& request, error_code& ec, sub_stream& stream) {
  if (state_ == state::closed) return ec = fate_, true;
  if (role_ != role::client) return ec = errc::wrong_role, true;
  if (!request.target.host.valid()) return ec = errc::bad_host, true;
  const bool udp = request.target.net == network::udp;
  const std::size_t most = udp ? rules_of(options_.speaks).longest_datagram : std::size_t{max_extra_data};
  if (request.first_data.size() > most) return ec = errc::datagram_too_large, true;
  if (state_ != state::ready) return false;
  stream_id id = 0;
  ec = rules_.allocate_id(id);
  if (ec == errc::too_many_streams && request.wait_for_room) return ec = {}, false;
  if (ec) return true;
  try {
    stream = open_stream(id, request);
  } catch (const std::bad_alloc&) {
    ec = errc::no_memory;
  }
  return true;
}

// What can fail comes first, because half a New would end the session. Where a frame holds less than the
// first data, more frames follow.
MUXPRO_DECL sub_stream session_impl::open_stream(stream_id id, open_request& request) {
  const_bytes rest(request.first_data);
  const std::size_t longest = rules_.wire().longest_data;
  constexpr std::size_t header = 64;  // without a name, with the 8 bytes of a source
  const address& host = request.target.host;
  const std::size_t name = host.is_domain() ? host.domain().size() : 0;
  queue_.reserve_control(head_.size() + rest.size() + name + header * (2 + rest.size() / longest));
  queue_.append_control(std::exchange(head_, {}));
  auto s = add_stream(id, request.target, request.priority);
  new_stream f;
  f.id = id;
  f.priority = request.priority;
  f.target = std::move(request.target);
  if (speaks_addresses() && s->datagrams) s->datagrams->source = f.source = request.source;
  const std::size_t n = std::min(rest.size(), longest);
  if (n > 0) {
    f.data = static_cast<std::uint16_t>(n);
    s->spend_credit(n);
    rules_.data_frame_sent();
    counted_.sent[static_cast<std::size_t>(frame_type::new_stream)].bytes += n;
  }
  queue_.push_control(f);
  queue_.append_control(rest.first(n));
  send_first_data(*s, rest.subspan(n));
  return sub_stream_access::make(std::move(s));
}

MUXPRO_DECL void session_impl::send_first_data(stream_state& s, const_bytes rest) {
  while (!rest.empty()) {
    const std::size_t n = std::min(rest.size(), rules_.wire().longest_data);
    s.spend_credit(n);
    rules_.data_frame_sent();
    counted_.sent[static_cast<std::size_t>(frame_type::keep)].bytes += n;
    queue_.push_control(keep{s.id, static_cast<std::uint16_t>(n), false});
    queue_.append_control(rest.first(n));
    rest = rest.subspan(n);
  }
}

MUXPRO_DECL ref<stream_state> session_impl::add_stream(stream_id id, const destination& d,
                                                       std::uint8_t priority) {
  auto s = make_ref<stream_state>(shared_from_this(), id, d, priority, now());
  ++rules_.in_use;
  rests_ = false;
  rules_.insert(*s);
  s->listed_self = s;
  if (full_) begin_grace();
  watch(s->active_at + options_.stream_idle);
  if (next_keep_alive_ == time_point::max()) set_keep_alive(s->active_at);
  return s;
}

// In the order of their coming. Those that still have to wait keep their places.
MUXPRO_DECL void session_impl::serve_opens(serve which) {
  intrusive_list<open_op> waiting;
  while (!opens_.empty()) {
    open_op& op = opens_.pop_front();
    error_code ec;
    sub_stream stream;
    if (open_now(op.request, ec, stream)) {
      op.complete(ec, std::move(stream));
      wake_writer();
      continue;
    }
    waiting.push_back(op);
    if (which == serve::while_there_is_room) break;
  }
  waiting.splice(opens_);
  opens_.splice(waiting);
}

MUXPRO_DECL bool session_impl::accept_now(error_code& ec, sub_stream& stream) {
  if (backlog_.empty()) {
    if (state_ == state::closed) return ec = fate_, true;
    if (role_ != role::server) return ec = errc::wrong_role, true;
    return false;
  }
  --backlog_size_;
  const ref next(backlog_.pop_front());
  if (!next->listed) next->listed_self = {};  // the peer has ended it already
  stream = sub_stream_access::make(next);
  return true;
}

MUXPRO_DECL void session_impl::start_accept(accept_op* op) {
  accepts_.push_back(*op);
  expect_run();
}

MUXPRO_DECL void session_impl::release(stream_state& s) {
  const auto self = shared_from_this();  // the last sub-stream may be what keeps this session
  if (&s == data_for_) data_for_ = nullptr;
  if (&s == full_) read_again();
  rules_.release(s, now());
  watch(rules_.next_expiry());
  if (rules_.streams().size() == 0) {
    active_at_ = unused_since_ = now();
    watch(unused_since_ + std::min(options_.session_idle, rests_after));
    if (s.id == 0) leave(errc::session_closed);
  }
  if (s.detail::list_node<backlog_tag>::linked() && s.aborted) {
    s.detail::list_node<backlog_tag>::unlink();
    --backlog_size_;
  }
  if (!s.detail::list_node<backlog_tag>::linked()) s.listed_self = {};
  check_drained();
}

MUXPRO_DECL void session_impl::object_gone(stream_state& s) noexcept {
  --rules_.in_use;
  window_returned(s.window.window() - rules_.wire().window);
  if (!opens_.empty() && state_ == state::ready) watch(time_point::min());
  if (!watcher_) return;
  watcher_->stream_gone(s.fate() == end_code::resources && s.counted.received.frames == 0);
}

// --- running

struct session_impl::loop_done {
  std::shared_ptr<session_impl> self;
  void operator()(std::exception_ptr failure) const { self->loop_ended(failure); }
};

MUXPRO_DECL void session_impl::spawn_loop(asio::awaitable<void> work, stop_of which) {
  ++loops_;
  try {
    asio::co_spawn(executor_, std::move(work),
                   asio::bind_cancellation_slot(stop_[which].slot(), loop_done{shared_from_this()}));
  } catch (...) {
    --loops_;
    throw;
  }
}

MUXPRO_DECL void session_impl::spawn_loop(loop l) {
  post_step(executor_, std::move(l).first());
  ++loops_;
}

MUXPRO_DECL void session_impl::start_handshake(result_op* op) {
  if (state_ != state::idle)
    return op->complete(state_ == state::closed ? fate_ : errc::operation_in_progress);
  handshake_ = op;
  run_by_ = time_point::max();
  state_ = state::negotiating;
  spawn_loop(negotiate_loop(shared_from_this()), stop_run);
}

MUXPRO_DECL void session_impl::start_run(result_op* op) {
  if (state_ == state::closed && loops_ == 0) return op->complete(result_of_run());
  if (run_ || state_ == state::negotiating) return op->complete(errc::operation_in_progress);
  run_ = op;
  runs_ = true;
  if (state_ == state::closed) return;
  const bool negotiated = state_ == state::ready;
  if (!negotiated) state_ = state::negotiating;
  spawn_loop(run_loop(shared_from_this(), negotiated), stop_run);
}

// Runs the loops, after the negotiation if it was not done yet. Other threads may call release_memory() from
// join() on, which is why it comes after the construction of what they see.
MUXPRO_DECL asio::awaitable<void> session_impl::run_loop(std::shared_ptr<session_impl> self,
                                                         bool negotiated) {
  if (!negotiated) co_await self->negotiate();
  if (self->state_ != state::ready) co_return;
  self->process_budget_->join(*self, std::exchange(self->budget_user_, {}));
  self->spawn_loop(write_loop(self));
  self->spawn_loop(watch_loop(self));
  self->spawn_loop(read_loop(self));
}

// No exception leaves a session.
MUXPRO_DECL void session_impl::loop_ended(std::exception_ptr failure) {
  --loops_;
  if (failure) close(error_of_failure(failure));
  if (loops_ > 0 || state_ != state::closed) return;
  outbox_.complete_writes();
  next_layer_.reset();
  timer_.reset();
  if (run_) std::exchange(run_, nullptr)->complete(result_of_run());
}

MUXPRO_DECL error_code session_impl::result_of_run() const {
  return fate_ == make_error_code(errc::session_closed) ? error_code() : fate_;
}

struct session_impl::run_deadline {
  std::weak_ptr<session_impl> session;
  void operator()(error_code) const {
    const auto self = session.lock();
    if (!self) return;
    self->run_expected_ = false;
    if (self->runs_ || self->state_ == state::negotiating) return;
    if (self->now() >= self->run_by_) return self->close(errc::not_running);
    self->expect_run();  // something else needed the timer
  }
};

MUXPRO_DECL void session_impl::expect_run() {
  if (runs_ || run_expected_ || state_ == state::negotiating || state_ == state::closed) return;
  run_expected_ = true;
  if (run_by_ == time_point::max()) run_by_ = now() + options_.negotiate_timeout;
  timer_->async_wait_until(run_by_, run_deadline{weak_from_this()});
}

MUXPRO_DECL session_stats session_impl::report() const {
  session_stats s{counted_, {}, {}};
  rules_.report(s);
  s.receive_windows = std::uint64_t{s.streams} * rules_.wire().window + promised_;
  for (std::size_t i = 0; i < frame_types; ++i) s.sent[i].frames += queue_.pushed()[i];
  s.queued_streams = static_cast<std::uint32_t>(queue_.ready());
  s.queued_control = static_cast<std::uint32_t>(queue_.control_frames());
  return s;
}

}  // namespace muxpro::detail
