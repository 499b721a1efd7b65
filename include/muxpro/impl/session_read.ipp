// The read side of a session, with the read loop, and turns in which frames are handled.
#pragma once

#include <muxpro/detail/session_impl.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::detail {

inline auto session_impl::read_some() {
  return transfer(executor_, stop_[stop_reads].slot(), [this](transfer_step done) {
    const bytes room = room_to_read();
    if (room.empty()) close(errc::no_memory);
    next_layer_->start_read(asio::buffer(room.data(), room.size()), std::move(done));
  });
}

MUXPRO_DECL bytes session_impl::room_to_read() noexcept {
  try {
    const bytes room = read_memory_.take(options_.read_buffer);
    read_reserve_.give_back();
    return room;
  } catch (const std::bad_alloc&) {
    return read_reserve_.take();
  }
}

inline auto session_impl::wait_for_bytes() {
  return transfer(executor_, stop_[stop_reads].slot(),
                  [this](transfer_step done) { next_layer_->wait_for_bytes(std::move(done)); });
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
  if (room.empty()) return close(errc::no_memory);
  error_code ec;
  const std::size_t n = next_layer_->read_now(room, ec);
  more_is_there_ = n == room.size();
  if (ec == asio::error::would_block) return give_read_memory_back();
  take_in(ec, n);
}

MUXPRO_DECL void session_impl::give_read_memory_back() noexcept {
  read_memory_.give_back();
  read_reserve_.give_back();
}

MUXPRO_DECL void session_impl::give_back_memory() noexcept {
  if (!unparsed_.empty()) return;
  if (reads_when_ready_) give_read_memory_back();
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
      self->give_back_memory();
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
  const const_bytes reserve = read_reserve_.taken();
  unparsed_ = reserve.empty() ? read_memory_.taken().first(n) : reserve.first(n);
  if (!peers_head_) return;
  if (const error_code broken = strip_peers_head()) close(broken);
  if (reads_when_ready_) give_read_memory_back();
}

// Handles frames up to the read budget. Other work of the executor comes before the next turn. A turn also
// ends when a large read is full and more of its payload follows, because the application may read again in
// between, so that the rest is copied once and not twice. A reader of small parts gets all of them in one
// turn, or others would wait for it.
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
  for (stream_state* s : to_flush_) answers += s->flush_reader() ? 1 : 0;
  to_flush_.clear();
  if (closed()) return;
  if (control_flooded()) return close(errc::too_many_unread_answers);
  watch(rules_.next_expiry());  // of the ids that this turn refused
  if (decoder_.at_boundary() || full_) {
    read_watch_.stop();
  } else if (!read_watch_.running()) {
    read_watch_.start(turn_time_);
    watch(read_watch_.deadline(options_.frame_read_timeout));
  }
  // Readers may answer what they got, so the writer runs right behind them.
  if (answers > 0 || !queue_.empty()) wake_writer(answers);
}

// A peer that opens and ends sub-streams and never reads makes us owe it an End for each.
MUXPRO_DECL bool session_impl::control_flooded() const noexcept {
  return role_ == role::server &&
         queue_.control_frames() > std::size_t{options_.control_queue} + 2 * options_.max_streams;
}

}  // namespace muxpro::detail
