#include "proxy/transport/http2_stream_state.hpp"

#include "proxy/transport/http2_connection.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::uint32_t none_code = NGHTTP2_NO_ERROR, cancel_code = NGHTTP2_CANCEL;

template <class Op>
void finish(Op*& place, std::error_code error, std::size_t transferred) {
  if (Op* const op = std::exchange(place, nullptr)) op->complete(error, transferred);
}

}  // namespace

http2_stream_state::http2_stream_state(http2_connection& owner, asio::any_io_executor executor,
                                       std::unique_ptr<http2_body> body)
    : owner_(&owner), executor_(std::move(executor)), body_(std::move(body)) {
  register_with(executor_);
}

http2_stream_state::~http2_stream_state() { context_destroyed(); }

void http2_stream_state::context_destroyed() noexcept {
  executor_ = {};
  if (auto* const op = std::exchange(reader_, nullptr)) op->drop();
  if (auto* const op = std::exchange(writer_, nullptr)) op->drop();
}

// --- of the handle

std::error_code http2_stream_state::end_for_reader() const noexcept {
  if (ended_here_) return asio::error::operation_aborted;
  return in_error_;
}

std::size_t http2_stream_state::pop(const layer::read_buffers& into) {
  const std::size_t n = std::min(into.size(), unread_.size());
  into.each(0, n, [this](asio::mutable_buffer room) {
    unread_.pop({static_cast<std::byte*>(room.data()), room.size()});
  });
  consumed(n);
  return n;
}

http2_stream_state::attempt http2_stream_state::try_read(const layer::read_buffers& into) {
  if (reader_) return {errc::operation_in_progress};
  if (into.empty()) return {};
  const std::size_t n = pop(into);
  if (n > 0) return {{}, n};
  const std::error_code end = end_for_reader();
  return {end, 0, !end};
}

http2_stream_state::attempt http2_stream_state::try_wait() {
  if (reader_) return {errc::operation_in_progress};
  return {{}, 0, unread_.empty() && !end_for_reader()};
}

http2_stream_state::attempt http2_stream_state::try_flow(layer::sink& to) {
  if (reader_) return {errc::operation_in_progress};
  while (!unread_.empty()) {
    const auto next = unread_.peek();
    const std::size_t n = to.take(layer::write_buffers(asio::buffer(next.data(), next.size())));
    unread_.consume(n);
    consumed(n);
    if (n < next.size()) return {};
  }
  const std::error_code end = end_for_reader();
  return {end, 0, !end};
}

http2_stream_state::attempt http2_stream_state::try_write(const layer::write_buffers& from) {
  if (writer_) return {errc::operation_in_progress};
  if (ended_here_) return {asio::error::operation_aborted};
  if (finished_) return {errc::already_shut_down};
  if (out_error_) return {out_error_};
  return {{}, 0, !from.empty()};
}

void http2_stream_state::wait(write_op& op) noexcept {
  writer_ = &op;
  if (owner_) owner_->resume(*this);
}

void http2_stream_state::cancel(read_op* op) {
  op->of.reader_ = nullptr;
  op->complete(asio::error::operation_aborted, 0);
}

// A frame that was planned for it and has found no room is not written.
void http2_stream_state::cancel(write_op* op) {
  op->of.writer_ = nullptr;
  op->of.head_size_ = op->of.payload_ = 0;
  op->complete(asio::error::operation_aborted, 0);
}

std::error_code http2_stream_state::shut_down() {
  if (writer_) return errc::operation_in_progress;
  if (ended_here_) return asio::error::operation_aborted;
  if (finished_) return errc::already_shut_down;
  if (out_error_) return out_error_;
  finished_ = true;
  if (owner_) owner_->resume(*this);
  return {};
}

void http2_stream_state::abandon(std::error_code why) noexcept {
  drop_input();
  finish(reader_, why, 0);
  finish(writer_, why, 0);
}

void http2_stream_state::reset() noexcept {
  if (std::exchange(ended_here_, true)) return;
  abandon(asio::error::operation_aborted);
  leave(cancel_code);
}

void http2_stream_state::close() noexcept {
  if (!finished_) return reset();
  if (std::exchange(ended_here_, true)) return;
  abandon(asio::error::operation_aborted);
  leave(end_sent_ ? std::optional(none_code) : std::nullopt);
}

// Behind the end that waits to be sent comes the reset of end_was_sent().
void http2_stream_state::leave(std::optional<std::uint32_t> code) noexcept {
  if (!owner_) return;
  if (code) owner_->cut(*this, *code);
  owner_->released(*this);
}

// --- of the connection, input

void http2_stream_state::consumed(std::size_t n) noexcept {
  if (owner_ && n > 0) owner_->consumed(*this, n);
}

void http2_stream_state::drop_input() noexcept {
  deaf_ = true;
  pieces_ = {};
  const std::size_t n = unread_.size();
  unread_.clear();
  consumed(n);
}

void http2_stream_state::receive(const_bytes wire) {
  std::size_t around = wire.size();
  while (!deaf_ && !wire.empty()) {
    const const_bytes piece = body_->next(wire);
    around -= piece.size();
    if (body_->broken()) fail(http2_errc::bad_body);
    if (!piece.empty() && !deaf_) deliver(piece);
  }
  consumed(around);
}

void http2_stream_state::deliver(const_bytes piece) {
  if (reader_ && reader_->to) {
    if (pieces_.append(asio::buffer(piece.data(), piece.size()))) return;
    pass_pieces();
    return deliver(piece);
  }
  if (reader_ && !reader_->into.empty()) {
    const layer::write_buffers from(asio::buffer(piece.data(), piece.size()));
    const std::size_t n = layer::copy(reader_->into, reader_->done, from);
    reader_->done += n;
    consumed(n);
    piece = piece.subspan(n);
  }
  unread_.push(piece);
}

// A sink that is full gets the rest by its next operation.
void http2_stream_state::pass_pieces() {
  const layer::write_buffers pieces = std::exchange(pieces_, {});
  if (pieces.empty()) return;
  const std::size_t all = pieces.size();
  const std::size_t n = reader_ ? reader_->to->take(pieces) : 0;
  pieces.each(n, all - n, [this](asio::const_buffer rest) {
    unread_.push({static_cast<const std::byte*>(rest.data()), rest.size()});
  });
  consumed(n);
  if (n < all) finish(reader_, {}, 0);
}

void http2_stream_state::end_turn() {
  pass_pieces();
  if (!reader_) return;
  if (reader_->done > 0) return finish(reader_, {}, reader_->done);
  const bool only_waits = reader_->into.empty() && !reader_->to;
  if (!unread_.empty() && only_waits) return finish(reader_, {}, 0);
  if (const std::error_code end = end_for_reader(); end && unread_.empty())
    finish(reader_, only_waits ? std::error_code() : end, 0);
}

void http2_stream_state::receive_head(const http2_head& h) {
  if (const std::error_code why = body_->judge(h)) fail(why);
}

void http2_stream_state::receive_end() {
  if (in_error_) return;
  if (!body_->may_end()) return fail(http2_errc::bad_body);
  in_error_ = asio::error::eof;
}

// The bytes before stay readable.
void http2_stream_state::fail(std::error_code why) noexcept {
  if (!in_error_) in_error_ = why;
  deaf_ = true;
  out_error_ = why;
  finish(writer_, why, 0);
  if (owner_) owner_->cut(*this, cancel_code);
}

void http2_stream_state::closed(std::error_code why) noexcept {
  const std::error_code broken = why ? why : std::error_code(asio::error::broken_pipe);
  if (!in_error_) in_error_ = why ? why : std::error_code(asio::error::connection_reset);
  if (!out_error_) out_error_ = broken;
  finish(writer_, broken, 0);
  closed_ = true;
  if (!end_sent_) body_->cut();
}

// --- of the connection, output

http2_stream_state::plan http2_stream_state::next_frame(std::size_t room) {
  head_size_ = payload_ = 0;
  if (staged_begin_ < staged_end_) return {std::min(room, staged_end_ - staged_begin_)};
  if (!writer_) return {0, !finished_, finished_};
  const std::size_t left = writer_->from.size() - writer_->done;
  if (room <= body_->head_size()) {
    stage_one_byte();
    return {std::min(room, staged_end_)};
  }
  payload_ = std::min(left, room - body_->head_size());
  head_size_ = body_->write_head(head_, payload_);
  return {head_size_ + payload_};
}

void http2_stream_state::stage_one_byte() {
  staged_end_ = body_->write_head(std::span(staged_).first<http2_body::most_head>(), 1);
  writer_->from.each(writer_->done, 1, [this](asio::const_buffer b) {
    std::memcpy(staged_.data() + staged_end_, b.data(), b.size());
  });
  ++staged_end_;
  staged_begin_ = 0;
  wrote(1);
}

void http2_stream_state::wrote(std::size_t n) {
  writer_->done += n;
  if (writer_->done == writer_->from.size()) finish(writer_, {}, writer_->done);
}

bool http2_stream_state::write_frame(std::byte* to, std::size_t size) {
  if (staged_begin_ < staged_end_) {
    std::memcpy(to, staged_.data() + staged_begin_, size);
    staged_begin_ += size;
    return true;
  }
  if (!writer_ || head_size_ + payload_ != size) return false;
  std::memcpy(to, head_.data(), head_size_);
  to += head_size_;
  writer_->from.each(writer_->done, payload_, [&to](asio::const_buffer b) {
    std::memcpy(to, b.data(), b.size());
    to += b.size();
  });
  wrote(payload_);
  return true;
}

void http2_stream_state::end_was_sent() noexcept {
  end_sent_ = true;
  if (ended_here_ && owner_) owner_->cut(*this, none_code);
}

}  // namespace muxpro::proxy
