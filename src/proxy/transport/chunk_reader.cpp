#include "proxy/transport/chunk_reader.hpp"

#include "proxy/base/exception_code.hpp"

#include <asio/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace muxpro::proxy {

chunk_reader::chunk_reader(std::shared_ptr<connection> below, std::unique_ptr<chunk_opener> opener,
                           const_bytes received)
    : below_(std::move(below)),
      stream_(below_->stream_to_relay()),
      executor_(below_->get_executor()),
      opener_(std::move(opener)) {
  if (received.empty()) return;
  std::memcpy(input_.room(received.size()).data(), received.data(), received.size());
  input_.filled(received.size());
}

// --- what is there

std::size_t chunk_reader::read_now(bytes into, std::error_code& ec, bool ask_below) {
  ec.clear();
  std::size_t n = open_into(into);
  const bool asks = (n == 0 && ask_below) || last_read_large_;
  if (asks && n < into.size() && !end() && receive(into.size() - n)) n += open_into(into.subspan(n));
  if (n == 0 && !into.empty()) ec = end() ? end() : make_error_code(asio::error::would_block);
  input_.shrink();
  return n;
}

// Bytes of the next piece, if the whole of it is there.
std::size_t chunk_reader::next_piece() const noexcept {
  const std::size_t size = opener_->size();
  if (size == 0) return input_.size();
  return input_.size() >= size ? size : 0;
}

// Opens the pieces without text that come before.
bool chunk_reader::has_text() {
  if (held_.piece > 0) return true;
  while (const std::size_t size = opened_end_ ? 0 : next_piece()) {
    if (opener_->text() > 0) return true;
    opener_->open(input_.data().first(size), nullptr, opened_end_);
    input_.consume(size);
  }
  return false;
}

// A piece that does not fit is opened where it lies. One of any size is as long as it fits.
std::size_t chunk_reader::open_into(bytes into) {
  std::size_t n = 0;
  while (n < into.size() && has_text()) {
    if (held_.piece == 0) {
      const std::size_t size =
          opener_->size() > 0 ? opener_->size() : std::min(input_.size(), into.size() - n);
      const bytes piece = input_.data().first(size);
      const bool fits = opener_->text() <= into.size() - n;
      const std::size_t text = opener_->open(piece, fits ? into.data() + n : piece.data(), opened_end_);
      held_ = {fits ? text : 0, text, piece.size()};
      if (fits) n += text;
    }
    n += take_held(into.subspan(n));
  }
  return n;
}

std::size_t chunk_reader::take_held(bytes into) noexcept {
  const std::size_t n = std::min(into.size(), held_.end - held_.begin);
  if (n > 0) std::memcpy(into.data(), input_.data().data() + held_.begin, n);
  held_.begin += n;
  if (held_.begin == held_.end) input_.consume(std::exchange(held_, {}).piece);
  return n;
}

// Behind the text that is there.
std::error_code chunk_reader::end() const noexcept {
  if (opened_end_ || below_end_ != asio::error::eof) return opened_end_ ? opened_end_ : below_end_;
  const bool in_time = input_.empty() && opener_->may_end();
  return in_time ? below_end_ : make_error_code(asio::error::connection_reset);
}

// --- what is below

// What is there of the chunks of so much text. Returns whether anything came.
bool chunk_reader::receive(std::size_t text) {
  if (!stream_.reads_when_ready()) return false;
  const std::size_t most = tls_buffer::large - std::min(input_.size(), tls_buffer::large / 2);
  const std::size_t size = std::clamp(text + text / 64, tls_buffer::small, most);
  std::error_code ec;
  const std::size_t n = stream_.read_now(input_.room(size).first(size), ec);
  if (ec == asio::error::would_block) ec.clear();
  arrived(ec, n);
  return n > 0;
}

// A read into room_ has got `n` bytes.
void chunk_reader::keep(std::size_t n) {
  room_.filled(n);
  if (n > 0) std::memcpy(input_.room(n).data(), room_.bytes().data(), n);
  input_.filled(n);
  room_.consume(n);
  room_.rest();
}

// A read that was cancelled is no end.
void chunk_reader::arrived(std::error_code ec, std::size_t n) {
  input_.filled(n);
  last_read_large_ = n >= tls_buffer::small;
  if (ec != asio::error::operation_aborted) below_end_ = ec;
}

void chunk_reader::wait_below(layer::transfer_step done) {
  if (stream_.reads_when_ready()) return stream_.wait_for_bytes(std::move(done));
  stream_.take(room_, std::move(done));
}

auto chunk_reader::waiting_below() {
  return layer::transfer(executor_, stop_.slot(),
                         [this](layer::transfer_step done) { wait_below(std::move(done)); });
}

// --- an operation that waits

void chunk_reader::start(layer::loop waiting, read_op* op, bytes into) {
  op_.reset(op);
  into_ = into;
  cancelled_ = false;
  std::move(waiting).first()();
}

void chunk_reader::cancel() noexcept {
  cancelled_ = true;
  stop_.emit(asio::cancellation_type::terminal);
}

layer::loop chunk_reader::wait(std::shared_ptr<chunk_reader> self) {
  chunk_reader& r = *self;
  op_ptr op = std::move(r.op_);
  try {
    for (bool done = false; !done;) {
      const auto got = co_await r.waiting_below();
      done = r.completes(op, got.error, got.bytes);
    }
  } catch (...) {
    if (op) op.release()->complete(code_of(std::current_exception()), 0);
  }
}

// What waits below has ended with `ec`, and has read `n` bytes.
bool chunk_reader::completes(op_ptr& op, std::error_code ec, std::size_t n) {
  if (!stream_.reads_when_ready()) keep(n);
  if (ec)
    arrived(ec, 0);
  else if (stream_.reads_when_ready())
    receive(into_.empty() ? tls_buffer::large / 2 : into_.size());
  std::error_code result;
  const std::size_t text = into_.empty() ? 0 : read_now(into_, result, false);
  const bool waits = into_.empty() ? !ready() : result == asio::error::would_block;
  input_.shrink();
  if (waits && !cancelled_ && ec != asio::error::operation_aborted) return false;
  if (waits) result = asio::error::operation_aborted;
  op.release()->complete(result, text);
  return true;
}

}  // namespace muxpro::proxy
