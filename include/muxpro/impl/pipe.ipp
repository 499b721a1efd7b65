#pragma once

#include <muxpro/detail/pipe_core.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace muxpro::detail {

namespace pipe_detail {

template <class Op>
void finish(Op*& place, error_code error, std::size_t transferred) {
  if (Op* op = std::exchange(place, nullptr)) op->complete(error, transferred);
}

template <class Op>
void abandon(Op* op) noexcept {
  if (op) op->drop();
}

}  // namespace pipe_detail

MUXPRO_DECL error_code pipe_core::end_for_reader(const direction& l) const noexcept {
  if (l.finished) return asio::error::eof;
  if (l.writer_closed) return asio::error::connection_reset;
  return {};
}

MUXPRO_DECL error_code pipe_core::refusal(const direction& l) const noexcept {
  if (l.writer_closed) return asio::error::bad_descriptor;
  if (l.writer) return errc::operation_in_progress;
  if (l.finished) return errc::already_shut_down;
  if (l.reader_closed) return asio::error::broken_pipe;
  return {};
}

MUXPRO_DECL pipe_core::attempt pipe_core::try_read(side s, const read_buffers& buffers,
                                                   relay_buffer* memory) {
  direction& l = direction_to(s);
  if (l.reader_closed) return {asio::error::bad_descriptor};
  if (buffers.size() == 0) return {};
  if (l.reader) return {errc::operation_in_progress};
  if (memory && l.ring.empty() && l.writer && l.writer->memory) {
    const std::size_t n = swap_memory(l, *l.writer->memory, *memory);
    pipe_detail::finish(l.writer, {}, n);
    return {{}, n};
  }
  const std::size_t n = take(l, buffers);
  notify_room(l);
  if (n > 0) return {{}, n};
  const error_code end = end_for_reader(l);
  return {end, 0, !end};
}

/// The ring, then what a waiting writer has, until the sink is full.
MUXPRO_DECL pipe_core::attempt pipe_core::try_flow(side s, sink& to) {
  direction& l = direction_to(s);
  if (l.reader_closed) return {asio::error::bad_descriptor};
  if (l.reader) return {errc::operation_in_progress};
  std::size_t n = 0;
  bool full = false;
  while (!l.ring.empty() && !full) {
    const auto next = l.ring.peek();
    const std::size_t taken = to.take(write_buffers(asio::buffer(next.data(), next.size())));
    l.ring.consume(taken);
    l.passed += taken;
    n += taken;
    full = taken < next.size();
  }
  if (!full && l.writer) {
    const std::size_t offered = l.writer->buffers.size();
    const std::size_t taken = pour(l, to, l.writer->buffers);
    if (taken > 0) pipe_detail::finish(l.writer, {}, taken);
    n += taken;
    full = taken < offered;
  }
  notify_room(l);
  if (full) return {{}, n};
  const error_code end = end_for_reader(l);
  return {end, n, !end};
}

MUXPRO_DECL pipe_core::attempt pipe_core::try_write(side s, const write_buffers& buffers,
                                                    relay_buffer* memory) {
  direction& l = direction_from(s);
  if (const error_code why = refusal(l); l.writer_closed || (why && buffers.size() > 0)) return {why};
  if (buffers.size() == 0) return {};
  if (memory && !l.reader) return {{}, 0, true};
  if (memory && l.reader->memory) {
    const std::size_t n = swap_memory(l, *memory, *l.reader->memory);
    pipe_detail::finish(l.reader, {}, n);
    return {{}, n};
  }
  std::size_t n = 0;
  if (l.reader) n = give(l, buffers);
  if (!memory) n += keep(l, buffers, n);
  return {{}, n, n == 0};
}

/// A waiting writer has found the ring full, or no memory for it.
MUXPRO_DECL pipe_core::attempt pipe_core::try_wait_for_room(side s) {
  const direction& l = direction_from(s);
  if (const error_code why = refusal(l)) return {why};
  return {{}, 0, !l.reader};
}

/// A reader is here.
MUXPRO_DECL void pipe_core::notify_room(direction& l) {
  if (l.writer && l.writer->buffers.size() == 0) pipe_detail::finish(l.writer, {}, 0);
}

MUXPRO_DECL void pipe_core::cancel(side s) {
  pipe_detail::finish(direction_from(s).writer, asio::error::operation_aborted, 0);
  pipe_detail::finish(direction_to(s).reader, asio::error::operation_aborted, 0);
}

MUXPRO_DECL error_code pipe_core::shut_down(side s) {
  direction& l = direction_from(s);
  if (l.writer_closed) return asio::error::bad_descriptor;
  if (l.writer) return errc::operation_in_progress;
  if (l.finished) return errc::already_shut_down;
  if (l.reader_closed) return asio::error::broken_pipe;
  l.finished = true;
  pipe_detail::finish(l.reader, asio::error::eof, 0);
  return {};
}

MUXPRO_DECL void pipe_core::close(side s) {
  direction& out = direction_from(s);
  if (!out.writer_closed && !out.finished) out.ring.clear();
  reset(s);
}

MUXPRO_DECL void pipe_core::reset(side s) {
  direction& out = direction_from(s);
  direction& in = direction_to(s);
  if (out.writer_closed) return;
  out.writer_closed = true;
  in.reader_closed = true;
  in.ring.clear();
  pipe_detail::finish(out.writer, asio::error::operation_aborted, 0);
  pipe_detail::finish(in.reader, asio::error::operation_aborted, 0);
  pipe_detail::finish(in.writer, asio::error::broken_pipe, 0);
  pipe_detail::finish(out.reader, asio::error::connection_reset, 0);
}

MUXPRO_DECL std::size_t pipe_core::pour(direction& l, sink& to, const write_buffers& from) {
  const std::size_t n = to.take(from);
  l.passed += n;
  return n;
}

/// From a writer to a waiting reader.
MUXPRO_DECL std::size_t pipe_core::give(direction& l, const write_buffers& from) {
  const bool flows = l.reader->into;
  std::size_t n = 0;
  if (flows)
    n = pour(l, *l.reader->into, from);
  else
    l.passed += n = copy(l.reader->buffers, 0, from);
  if (!flows || n < from.size()) pipe_detail::finish(l.reader, {}, n);
  return n;
}

/// Takes from the ring, then from a waiting writer, whose rest goes to the ring, unless it waits to hand it
/// over.
MUXPRO_DECL std::size_t pipe_core::take(direction& l, const read_buffers& to) {
  const std::size_t popped = std::min(to.size(), l.ring.size());
  to.each(0, popped, [&l](asio::mutable_buffer room) {
    l.ring.pop({static_cast<std::byte*>(room.data()), room.size()});
  });
  l.passed += popped;
  if (!l.writer || (popped != 0 && l.writer->memory)) return popped;
  const write_buffers& from = l.writer->buffers;
  const std::size_t direct = copy(to, popped, from);
  l.passed += direct;
  const std::size_t written = direct + keep(l, from, direct);
  if (written != 0) pipe_detail::finish(l.writer, {}, written);
  return popped + direct;
}

MUXPRO_DECL std::size_t pipe_core::swap_memory(direction& l, relay_buffer& from, relay_buffer& to) noexcept {
  from.swap_with(to);
  l.passed += from.size();
  return from.size();
}

MUXPRO_DECL std::size_t pipe_core::keep(direction& l, const write_buffers& from,
                                        std::size_t offset) noexcept {
  std::size_t kept = 0;
  try {
    from.each(offset, std::min(from.size() - offset, capacity_ - l.ring.size()),
              [&](asio::const_buffer part) {
                l.ring.push({static_cast<const std::byte*>(part.data()), part.size()});
                kept += part.size();
              });
  } catch (const std::bad_alloc&) {
    // Without memory the pipe still works. The writer waits until a reader takes its bytes directly.
  }
  return kept;
}

MUXPRO_DECL void pipe_core::context_destroyed() noexcept {
  executor_ = {};
  std::array<read_op*, 2> readers;
  std::array<write_op*, 2> writers;
  for (std::size_t i = 0; i != directions_.size(); ++i) {
    readers[i] = std::exchange(directions_[i].reader, nullptr);
    writers[i] = std::exchange(directions_[i].writer, nullptr);
    directions_[i].ring.clear();
  }
  // The last end may live in a frame that goes now, and *this with it.
  for (read_op* op : readers) pipe_detail::abandon(op);
  for (write_op* op : writers) pipe_detail::abandon(op);
}

}  // namespace muxpro::detail
