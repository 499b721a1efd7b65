#pragma once

#include <muxpro/detail/outbox.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <new>

namespace muxpro::detail {

MUXPRO_DECL bool outbox::fill(time_point now) {
  assert(!in_flight_ && "one gather write at a time");
  if (queue_.empty()) return false;
  first_ = count_ = arena_used_ = payload_ = 0;
  begun_ = now;
  if (!take_memory()) return false;

  queue_.take_control(control_);
  if (!control_.empty()) add_part(asio::buffer(control_));
  add_credits(now);
  queue_.begin_batch();
  while (queue_.ready() > 0 && room_for_frame() && payload_ < options_.session_out_buffer &&
         !queue_.favoured_ran_dry()) {
    auto* const s = static_cast<stream_state*>(queue_.pop_data());
    if (s->datagrams)
      add_datagram(*s, now);
    else
      add_frame(*s, now);
    if (s->sendable() > 0)
      queue_.push_data(*s);
    else if (s->end_due())
      ending_.emplace_back(*s);
  }
  add_ends();
  in_flight_ = count_ > 0;
  if (!in_flight_) give_memory_back();
  return in_flight_;
}

MUXPRO_DECL bool outbox::take_memory() noexcept {
  try {
    divide(memory_.take(arena_size), max_parts);
  } catch (const std::bad_alloc&) {
    const bytes block = reserve_.take();
    if (block.empty()) return false;
    divide(block, reserve_parts);
  }
  return true;
}

MUXPRO_DECL void outbox::give_memory_back() noexcept {
  memory_.give_back();
  reserve_.give_back();
}

MUXPRO_DECL void outbox::free_memory() noexcept {
  if (in_flight_) return;
  std::vector<std::byte>().swap(control_);
  std::vector<std::byte>().swap(ends_);
  std::vector<ref<stream_state>>().swap(streams_in_flight_);
  std::vector<ref<stream_state>>().swap(ending_);
  std::vector<datagram>().swap(datagrams_);
}

MUXPRO_DECL void outbox::divide(bytes block, std::size_t parts) noexcept {
  parts_ = {reinterpret_cast<asio::const_buffer*>(block.data()), parts};
  arena_ = block.subspan(parts * sizeof(asio::const_buffer));
}

// An End goes out with the last bytes before it.
MUXPRO_DECL void outbox::add_ends() {
  for (const auto& s : ending_) s->end_if_finishing();
  ending_.clear();
  queue_.take_control(ends_);
  if (!ends_.empty()) add_part(asio::buffer(ends_));
}

MUXPRO_DECL void outbox::add_credits(time_point now) {
  while (arena_used_ + max_encoded_header <= arena_.size() / 2) {
    auto* const s = static_cast<stream_state*>(queue_.pop_credit());
    if (!s) return;
    if (s->aborted || s->remote_ended) continue;  // it needs no more
    const std::uint32_t n = s->grant(now);
    if (n > 0) add_header(credit_update{s->id, n});
  }
}

// A write goes out in as few frames as hold it, all of one size. A write alone uses the largest frames,
// others use quanta, or equal shares of what a gather holds.
MUXPRO_DECL std::size_t outbox::frame_size(std::size_t sendable) const noexcept {
  std::size_t most = longest_data_;
  if (queue_.ready() > 0) {
    const std::size_t share = options_.session_out_buffer / (queue_.ready() + 1);
    most = std::min(std::max(quantum_, share), most);
  }
  const std::size_t frames = (sendable + most - 1) / most;
  return (sendable + frames - 1) / frames;
}

MUXPRO_DECL void outbox::add_frame(stream_state& s, time_point now) {
  if (s.sendable() == 0) return;
  const std::size_t n = frame_size(s.sendable());
  const std::size_t staged = std::min(n, s.staged().size());
  add_header(keep{s.id, static_cast<std::uint16_t>(n), false});
  if (staged > 0) add_payload(asio::buffer(s.staged().data(), staged));  // is copied
  s.staged_sent(staged);
  s.active_at = now;
  ++s.counted.sent.frames;
  s.counted.sent.bytes += n;
  payload_ += n;
  counted_.sent[static_cast<std::size_t>(frame_type::keep)].bytes += n;
  rules_.data_frame_sent();
  queue_.charge(s, n);
  if (n > staged) add_from_writer(s, n - staged);
}

MUXPRO_DECL void outbox::add_from_writer(stream_state& s, std::size_t n) {
  write_op& op = *s.writer();
  op.from.each(op.framed, n, [&](asio::const_buffer part) { add_payload(part); });
  op.framed += n;
  if (!s.in_flight()) streams_in_flight_.emplace_back(s);
  s.mark_in_flight();
}

MUXPRO_DECL void outbox::add_datagram(stream_state& s, time_point now) {
  if (s.sendable() == 0) return;
  datagrams_.push_back(s.datagrams->out.pop());
  const datagram& d = datagrams_.back();
  const bool apart = rules_.wire().addresses_in_metadata;
  const std::size_t prefix = apart ? d.payload : 0;
  const std::size_t n = d.block.size() - prefix;
  const keep f{s.id, static_cast<std::uint16_t>(n), !apart && d.address};
  if (apart)
    add_addressed(f, const_bytes(d.block).first(prefix));
  else
    add_header(f);
  if (n > 0) add_payload(asio::buffer(d.block) + prefix);
  s.active_at = now;
  ++s.counted.sent.frames;
  s.counted.sent.bytes += d.block.size() - d.payload;
  payload_ += n;
  counted_.sent[static_cast<std::size_t>(frame_type::keep)].bytes += n;
  rules_.data_frame_sent();
  queue_.charge(s, n);
  streams_in_flight_.emplace_back(s);  // its End may follow at once
  s.datagram_sent();
}

template <class Frame>
void outbox::add_header(const Frame& f) {
  add_encoded(encode(f, arena_.subspan(arena_used_)), frame(f).index());
}

MUXPRO_DECL void outbox::add_addressed(const keep& f, const_bytes prefix) {
  add_encoded(encode_addressed(f, prefix, arena_.subspan(arena_used_)), frame(f).index());
}

MUXPRO_DECL void outbox::add_encoded(std::size_t size, std::size_t type) {
  std::byte* const at = arena_.data() + arena_used_;
  arena_used_ += size;
  add_part(asio::const_buffer(at, size));
  ++counted_.sent[type].frames;
}

MUXPRO_DECL void outbox::add_payload(asio::const_buffer part) {
  if (part.size() > copy_limit || part.size() > arena_.size() - arena_used_) return add_part(part);
  std::byte* const at = arena_.data() + arena_used_;
  std::memcpy(at, part.data(), part.size());
  arena_used_ += part.size();
  add_part(asio::const_buffer(at, part.size()));
}

// Neighbours in memory become one buffer of the gather list.
MUXPRO_DECL void outbox::add_part(asio::const_buffer part) {
  if (count_ > 0) {
    asio::const_buffer& last = parts_[count_ - 1];
    if (static_cast<const std::byte*>(last.data()) + last.size() == part.data()) {
      last = asio::const_buffer(last.data(), last.size() + part.size());
      return;
    }
  }
  assert(count_ < parts_.size());
  ::new (static_cast<void*>(&parts_[count_++])) asio::const_buffer(part);
}

MUXPRO_DECL void outbox::advance(std::size_t n) noexcept {
  counted_.wire_sent += n;
  while (n > 0 && first_ < count_) {
    const std::size_t part = std::min(n, parts_[first_].size());
    parts_[first_] += part;
    n -= part;
    if (parts_[first_].size() == 0) ++first_;
  }
}

// A sub-stream's turn is as long as the others would hardly notice. On a fast main connection that is a large
// frame, for which the receiver makes one write to its own client instead of several. A sub-stream that has
// just become ready does not wait for these turns, because its own turn is due, and the others have had
// theirs.
MUXPRO_DECL void outbox::drained(time_point now) noexcept {
  using seconds = std::chrono::duration<double>;
  constexpr seconds turn = std::chrono::microseconds(100);
  const seconds took = now - begun_;
  if (took <= seconds(0)) return;
  const double most = options_.session_out_buffer / 4.0;
  const double bytes = std::min(static_cast<double>(payload_) * (turn / took), most);
  quantum_ = std::max<std::size_t>(options_.frame_quantum, (quantum_ + static_cast<std::size_t>(bytes)) / 2);
}

MUXPRO_DECL bool outbox::complete_writes() {
  in_flight_ = false;
  give_memory_back();
  datagrams_.clear();
  std::vector<ref<stream_state>> done;
  std::swap(done, streams_in_flight_);
  for (const auto& s : done) s->write_done();
  const bool any = !done.empty();
  done.clear();
  if (streams_in_flight_.empty()) std::swap(done, streams_in_flight_);  // keeps the memory
  return any;
}

MUXPRO_DECL void outbox::drop() noexcept {
  std::vector<ref<stream_state>> dropped;
  std::swap(dropped, streams_in_flight_);
  for (const auto& s : dropped) s->drop_operations();
}

}  // namespace muxpro::detail
