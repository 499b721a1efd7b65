#include "proxy/transport/chunk_writer.hpp"

#include "proxy/base/exception_code.hpp"
#include "proxy/transport/text_list.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_written = 256 * 1024;

/// A chunk of several buffers.
thread_local std::array<std::byte, 16384> joined_text;

}  // namespace

chunk_writer::chunk_writer(std::shared_ptr<connection> below, std::unique_ptr<chunk_sealer> sealer)
    : below_(std::move(below)),
      stream_(below_->stream_to_relay()),
      executor_(below_->get_executor()),
      sealer_(std::move(sealer)) {}

std::size_t chunk_writer::write_now(std::span<const asio::const_buffer> text, std::error_code& ec) {
  ec = failure_;
  if (!ec && ended_) ec = errc::already_shut_down;
  if (ec || text.empty()) return 0;
  const std::size_t n = seal(text);
  send_now();
  ec = failure_;
  if (!ec && n == 0) ec = asio::error::no_buffer_space;
  return ec ? 0 : n;
}

void chunk_writer::end_now(std::error_code& ec) {
  ec = failure_;
  if (ec || std::exchange(ended_, true)) return;
  output_.filled(sealer_->begin(output_.room(sealer_->overhead()).data()));
  const std::size_t n = sealer_->end(output_.room(sealer_->overhead()).data());
  output_.filled(n);
  passes_eof_ = n == 0;
  send_now();
  ec = failure_;
}

// A few bytes have little memory.
std::size_t chunk_writer::seal(std::span<const asio::const_buffer> parts) {
  const std::size_t all = asio::buffer_size(parts);
  const std::size_t few = all + (all / sealer_->most() + 1) * sealer_->overhead();
  output_.room(std::min(few, tls_buffer::large));
  std::size_t n = 0;
  for (text_list text(parts); !text.empty() && n < most_written;) {
    const const_bytes next = text.next(std::min(sealer_->most(), most_written - n), joined_text);
    const bytes room = output_.room_left();
    if (room.size() < next.size() + sealer_->overhead()) break;
    const chunk_sealer::chunk sealed = sealer_->seal(next, room.data());
    if (sealed.text == 0) break;
    output_.filled(sealed.size);
    text.skip(sealed.text);
    n += sealed.text;
  }
  return n;
}

void chunk_writer::send_now() noexcept {
  if (output_.empty() || !stream_.takes_at_once()) return;
  std::error_code ec;
  const auto sealed = asio::buffer(output_.data().data(), output_.size());
  const std::size_t n = stream_.write_now(layer::write_buffers(sealed), ec);
  sent(ec, n);
}

void chunk_writer::sent(std::error_code ec, std::size_t n) noexcept {
  output_.consume(n);
  if (!ec) return;
  failure_ = ec;
  output_.consume(output_.size());
}

// --- an operation that waits

auto chunk_writer::sending_below() {
  return layer::transfer(executor_, stop_.slot(), [this](layer::transfer_step done) {
    stream_.async_write_some(asio::buffer(output_.data().data(), output_.size()), std::move(done));
  });
}

auto chunk_writer::passing_eof_below() {
  return layer::transfer(executor_, stop_.slot(),
                         [this](layer::transfer_step done) { stream_.async_shutdown(std::move(done)); });
}

void chunk_writer::start(layer::loop sending, write_op* op, std::size_t n) {
  write_.reset(op);
  written_ = n;
  output_.shrink();
  std::move(sending).first()();
}

void chunk_writer::start(layer::loop sending, end_op* op) {
  end_.reset(op);
  std::move(sending).first()();
}

layer::loop chunk_writer::send(std::shared_ptr<chunk_writer> self) {
  chunk_writer& w = *self;
  auto write = std::move(w.write_);
  auto end = std::move(w.end_);
  try {
    while (!w.failure_ && !w.output_.empty()) {
      const auto put = co_await w.sending_below();
      w.sent(put.error, put.bytes);
    }
    if (!w.failure_ && std::exchange(w.passes_eof_, false)) co_await w.passing_eof_below();
  } catch (...) {
    w.failure_ = code_of(std::current_exception());
  }
  if (write) write.release()->complete(w.failure_, w.failure_ ? 0 : w.written_);
  if (end) end.release()->complete(w.failure_);
}

}  // namespace muxpro::proxy
