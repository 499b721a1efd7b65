// The read side of a session: negotiation, the read loop, what each frame leads to.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace muxpro::detail {

// --- negotiation

MUXPRO_DECL asio::awaitable<void> session_impl::negotiate_loop(std::shared_ptr<session_impl> self) {
  co_await self->negotiate();
  if (self->handshake_) std::exchange(self->handshake_, nullptr)->complete(self->fate_);
  if (!self->accepts_.empty() || !self->queue_.empty()) self->expect_run();
}

struct session_impl::negotiation_deadline {
  std::shared_ptr<session_impl> self;
  time_point when;
  void operator()(error_code) const {
    if (self->state_ == state::negotiating && self->now() >= when) self->close(errc::negotiate_timeout);
  }
};

// One absolute deadline for all of it. The timer closes the session, it does not race.
MUXPRO_DECL asio::awaitable<void> session_impl::negotiate() {
  if (options_.speaks == dialect::mux_cool) {
    unparsed_ = first_bytes_;
    ready(version_0_1, dialect::mux_cool);
    co_return;
  }
  const time_point deadline = now() + options_.negotiate_timeout;
  timer_->async_wait_until(deadline, negotiation_deadline{shared_from_this(), deadline});
  unparsed_ = first_bytes_;
  error_code ec;
  if (role_ == role::client)
    ec = co_await ask_version();
  else
    ec = co_await answer_version();
  if (closed()) co_return;
  timer_->cancel();
  if (ec) close(ec);
}

MUXPRO_DECL asio::awaitable<error_code> session_impl::ask_version() {
  // The request that both layouts can read holds 0.1 and 0.0. Other versions are requested in layout S.
  std::vector<std::byte> request(25);
  const std::vector<version> usual{version_0_1, version_0_0};
  const auto compatible = compatible_request();
  if (options_.versions == usual)
    request.assign(compatible.begin(), compatible.end());
  else
    request = encoded(negotiate_version{dialect::spec, options_.versions});
  request.insert(request.begin(), head_.begin(), head_.end());
  head_.clear();
  error_code ec = co_await write_all(request);
  if (ec) co_return ec;
  negotiate_version answer;
  ec = co_await read_negotiation(answer);
  if (ec) co_return ec;
  if (answer.versions.size() != 1 || !choose_version(answer.versions, options_.versions))
    co_return make_error_code(errc::no_common_version);
  ready(answer.versions.front(), answer.layout);
  co_return error_code();
}

MUXPRO_DECL asio::awaitable<error_code> session_impl::answer_version() {
  negotiate_version request;
  error_code ec = co_await read_negotiation(request);
  if (ec) co_return ec;
  const auto best = choose_version(request.versions, options_.versions);
  if (!best) co_return make_error_code(errc::no_common_version);
  negotiate_version reply{request.layout, {}};
  reply.versions.push_back(*best);
  const std::vector<std::byte> answer = encoded(reply);
  ec = co_await write_all(answer);
  if (ec) co_return ec;
  ready(*best, request.layout);
  if (!unparsed_.empty()) rules_.oddity(active_at_);  // the client did not wait for the answer
  co_return error_code();
}

MUXPRO_DECL asio::awaitable<error_code> session_impl::read_negotiation(negotiate_version& f) {
  constexpr std::size_t at_once = 1024;  // of bytes that wait in memory for what comes behind them
  for (;;) {
    if (unparsed_.empty()) {
      first_bytes_.resize(at_once);
      error_code ec;
      const std::size_t n = co_await transport_->read_some(asio::buffer(first_bytes_), ec);
      if (closed()) co_return fate_;
      if (ec == asio::error::eof) co_return make_error_code(errc::connection_lost);
      if (ec) co_return ec;
      counted_.wire_received += n;
      ++counted_.reads;
      unparsed_ = const_bytes(first_bytes_).first(n);
      if (peers_head_) ec = strip_peers_head();
      if (ec) co_return ec;
      if (unparsed_.empty()) continue;
    }
    const auto step = decoder_.next(unparsed_);
    unparsed_ = unparsed_.subspan(step.consumed);
    if (step.what == decoder::status::need_more) continue;
    const auto* const answer = std::get_if<negotiate_version>(&decoder_.current());
    if (step.what != decoder::status::header || !answer) co_return make_error_code(errc::not_muxpro);
    ++counted_.received[static_cast<std::size_t>(frame_type::negotiate_version)].frames;
    f = *answer;
    co_return error_code();
  }
}

MUXPRO_DECL asio::awaitable<error_code> session_impl::write_all(const_bytes data) {
  error_code ec;
  while (!data.empty() && !ec) {
    const std::array<asio::const_buffer, 1> rest{asio::buffer(data.data(), data.size())};
    const std::size_t n = co_await transport_->write_some(gather_list(rest), ec);
    if (closed()) co_return fate_;
    counted_.wire_sent += n;
    data = data.subspan(n);
  }
  ++counted_.sent[static_cast<std::size_t>(frame_type::negotiate_version)].frames;
  co_return ec;
}

MUXPRO_DECL void session_impl::ready(version v, dialect d) {
  state_ = state::ready;
  version_ = v;
  if (d == dialect::mux_cool)
    log(severity::info, "the session speaks Mux.Cool");
  else
    log(severity::info, "version {}.{} is agreed", v.major, v.minor);
  decoder_.agreed(v, d);
  rules_.agreed(d);
  outbox_.agreed(rules_.wire().longest_data);
  active_at_ = unused_since_ = now();
  if (unparsed_.empty()) std::vector<std::byte>().swap(first_bytes_);  // an idle session has no use for it
  serve_opens(serve::all);
}

// --- the read loop

inline auto session_impl::read_some() {
  return transfer(executor_, stop_[stop_reads].slot(), [this](transfer_step done) {
    const bytes room = room_to_read();
    transport_->start_read(asio::buffer(room.data(), room.size()), std::move(done));
  });
}

MUXPRO_DECL bytes session_impl::room_to_read() noexcept {
  try {
    return read_memory_.take(options_.read_buffer);
  } catch (const std::bad_alloc&) {
    return reserve_;
  }
}

inline auto session_impl::wait_for_bytes() {
  return transfer(executor_, stop_[stop_reads].slot(),
                  [this](transfer_step done) { transport_->wait_for_bytes(std::move(done)); });
}

inline auto session_impl::wait_for_room() {
  struct wait {
    session_impl* impl;
    bool await_ready() const noexcept { return false; }
    void await_suspend(loop::handle h) const noexcept { impl->reader_waits_ = loop::step(h); }
    void await_resume() const noexcept {}
  };
  return wait{this};
}

// A read that fills its memory leaves more behind, for which the session need not wait.
MUXPRO_DECL void session_impl::read_now() {
  const bytes room = room_to_read();
  error_code ec;
  const std::size_t n = transport_->read_now(room, ec);
  more_is_there_ = n == room.size();
  if (ec == asio::error::would_block) return read_memory_.give_back();
  take_in(ec, n);
}

MUXPRO_DECL void session_impl::let_go_of_memory() noexcept {
  if (!unparsed_.empty()) return;
  if (reads_when_ready_) read_memory_.give_back();
  if (first_bytes_.capacity() > 0) std::vector<std::byte>().swap(first_bytes_);
}

MUXPRO_DECL loop session_impl::read_loop(std::shared_ptr<session_impl> self) {
  while (!self->closed() && !self->reads_ended_) {
    if (self->full_) {
      co_await self->wait_for_room();
      continue;
    }
    if (!self->unparsed_.empty()) {
      self->process_turn();
      self->let_go_of_memory();
      // Readers that got bytes continue before the next read.
      if (!self->closed()) co_await next_turn(self->executor_);
      continue;
    }
    if (!self->reads_when_ready_) {
      const auto [ec, n] = co_await self->read_some();
      if (!self->closed()) self->take_in(ec, n);
    } else if (self->more_is_there_) {
      self->read_now();
    } else {
      const auto [ec, none] = co_await self->wait_for_bytes();
      self->more_is_there_ = true;
      if (ec && !self->closed()) self->take_in(ec, none);
    }
  }
}

MUXPRO_DECL void session_impl::take_in(error_code ec, std::size_t n) {
  if (ec) return lost(ec);
  ++counted_.reads;
  counted_.wire_received += n;
  if (read_watch_.running()) read_watch_.progress(n, progress_floor, now());
  unparsed_ = read_memory_.taken().empty() ? const_bytes(reserve_).first(n) : read_memory_.taken().first(n);
  if (!peers_head_) return;
  if (const error_code broken = strip_peers_head()) close(broken);
  if (reads_when_ready_) read_memory_.give_back();
}

// What comes in front of the peer's first frame.
MUXPRO_DECL error_code session_impl::strip_peers_head() {
  peers_beginning_.insert(peers_beginning_.end(), unparsed_.begin(), unparsed_.end());
  unparsed_ = {};
  error_code ec;
  const std::size_t n = peers_head_(peers_beginning_, ec);
  if (ec || n == 0) return ec;
  peers_head_ = nullptr;
  first_bytes_.assign(peers_beginning_.begin() + static_cast<std::ptrdiff_t>(n), peers_beginning_.end());
  std::vector<std::byte>().swap(peers_beginning_);
  unparsed_ = first_bytes_;
  return {};
}

// Handles frames up to the read budget. Other work of the executor comes before the next turn. A turn also
// ends when a large read is full and more of its payload follows: the application may read again in between,
// so that the rest is copied once and not twice. A reader of small parts gets all of them in one turn, or
// others would wait for it.
MUXPRO_DECL void session_impl::process_turn() {
  const strand_check::turn here(strand_, executor_);
  std::uint32_t frames = 0;
  std::size_t left = options_.read_budget_bytes;
  turn_time_ = now();
  while (!unparsed_.empty() && frames < options_.read_budget_frames && left > 0 && !closed() && !full_) {
    const std::size_t payload = decoder_.payload_left();
    const std::size_t room = data_for_ && payload > 0 ? data_for_->large_read_room() : payload;
    if (room == 0 && payload >= read_op::large) break;
    const bool cut = room > 0 && room < payload && room <= unparsed_.size();
    const auto step = decoder_.next(cut ? unparsed_.first(room) : unparsed_);
    unparsed_ = unparsed_.subspan(step.consumed);
    left -= cut ? left : std::min(left, step.consumed);
    if (decoder_.at_boundary()) read_watch_.stop();
    switch (step.what) {
      case decoder::status::need_more: break;
      case decoder::status::error: close(step.error); break;
      case decoder::status::payload: handle_payload(step.payload); break;
      case decoder::status::header:
        ++frames;
        handle_frame();
        break;
    }
  }
  end_turn();
}

MUXPRO_DECL void session_impl::end_turn() {
  std::size_t answers = 0;
  for (stream_state* s : touched_) answers += s->flush_reader() ? 1 : 0;
  touched_.clear();
  if (closed()) return;
  if (control_flooded()) return close(errc::too_many_unread_answers);
  watch(rules_.next_expiry());  // of the ids that this turn refused
  if (decoder_.at_boundary() || full_) {
    read_watch_.stop();
  } else if (!read_watch_.running()) {
    read_watch_.start(turn_time_);
    watch(read_watch_.deadline(options_.frame_read_timeout));
  }
  // Readers may answer what they got: the writer runs right behind them.
  if (answers > 0 || !queue_.empty()) wake_writer(answers);
}

// A peer that opens and ends sub-streams and never reads makes us owe it an End for each.
MUXPRO_DECL bool session_impl::control_flooded() const noexcept {
  return role_ == role::server &&
         queue_.control_frames() > std::size_t{options_.control_queue} + 2 * options_.max_streams;
}

MUXPRO_DECL void session_impl::handle_frame() {
  active_at_ = turn_time_;
  data_for_ = nullptr;
  const frame& f = decoder_.current();
  ++counted_.received[f.index()].frames;
  counted_.received[f.index()].bytes += decoder_.payload_left();
  const auto e = rules_.receive(f, turn_time_);
  if (e.what == protocol::happening::opened)
    open_by_peer(std::get<new_stream>(f));
  else
    act_on(e);
}

MUXPRO_DECL void session_impl::act_on(const protocol::event& e) {
  auto* const s = static_cast<stream_state*>(e.stream);
  switch (e.what) {
    case protocol::happening::nothing:
    case protocol::happening::opened: break;
    case protocol::happening::failed: close(e.error); break;
    case protocol::happening::data: begin_data(*s, static_cast<std::size_t>(e.amount)); break;
    case protocol::happening::dropped: s->datagrams->in.drop(); break;
    case protocol::happening::credit: s->add_credit(e.amount); break;
    case protocol::happening::full: wait_until_read(*s, static_cast<std::size_t>(e.amount)); break;
    case protocol::happening::ended: s->peer_ended(); break;
    case protocol::happening::closed: s->peer_closed(); break;
    case protocol::happening::aborted: end_stream(*s, make_error_code(e.code)); break;
    case protocol::happening::violated:
      log(severity::debug, "sub-stream {} ({}) broke a rule of the protocol and was ended", s->id, s->target);
      end_stream(*s, errc::stream_violation);
      break;
  }
}

MUXPRO_DECL void session_impl::end_stream(stream_state& s, error_code why) {
  const ref self(s);
  s.drop_staged();
  s.fail(why, true);
  if (s.listed) release(s);
}

MUXPRO_DECL void session_impl::open_by_peer(const new_stream& f) {
  const bool crowded = backlog_size_ >= options_.accept_backlog || short_of_memory();
  if (crowded) log(severity::debug, "sub-stream {} ({}) was refused for want of resources", f.id, f.target);
  if (crowded) return act_on(rules_.refuse(f.id, end_code::resources, turn_time_));
  const auto s = add_stream(f.id, f.target, f.priority);
  if (s->datagrams) s->datagrams->source = f.source;
  if (accepts_.empty()) {
    backlog_.push_back(*s);
    ++backlog_size_;
  } else {
    accepts_.pop_front().complete({}, sub_stream_access::make(s));
  }
  if (!f.data || (*f.data == 0 && s->net == network::tcp)) return;
  act_on(rules_.receive_data(*s, *f.data, turn_time_));
}

MUXPRO_DECL void session_impl::begin_data(stream_state& s, std::size_t size) {
  if (const auto sample = s.window.take_sample()) on_rtt_sample(s, *sample);
  const auto* const k = std::get_if<keep>(&decoder_.current());
  s.data_announced(size, k && k->addressed);
  if (k && s.datagrams) s.datagrams->arriving.address = decoder_.address_of_keep();
  data_for_ = &s;
  if (size == 0) handle_payload({});
}

MUXPRO_DECL void session_impl::handle_payload(const_bytes data) {
  if (!data_for_) return;
  stream_state& s = *data_for_;
  try {
    if (!s.deliver(data, decoder_.payload_left() == 0)) act_on(rules_.oddity(turn_time_));
  } catch (const std::bad_alloc&) {
    s.reset(end_code::resources);
  }
}

}  // namespace muxpro::detail
