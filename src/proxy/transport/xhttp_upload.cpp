#include "proxy/transport/xhttp_upload.hpp"

#include <asio/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t largest_piece = 32 * 1024;

time_point idle_deadline() { return std::chrono::steady_clock::now() + xhttp_upload::idle_limit; }

}  // namespace

// --- requests

/// An exception must not leave the reader waiting.
struct xhttp_upload::broken_unless_done {
  explicit broken_unless_done(xhttp_upload& u) : of(u) {}
  broken_unless_done(const broken_unless_done&) = delete;
  ~broken_unless_done() {
    if (!done) of.end(asio::error::operation_aborted);
  }
  xhttp_upload& of;
  bool done = false;
};

bool xhttp_upload::enter_stream() {
  const std::lock_guard lock(mutex_);
  return !end_ && turns_.empty() && !std::exchange(streams_, true);
}

upload_reorder_buffer::entry xhttp_upload::enter_post(std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  if (end_) return upload_reorder_buffer::entry::over;
  if (streams_) return upload_reorder_buffer::entry::too_many;
  const auto entry = turns_.enter(n);
  changed_.wake_all();
  return entry;
}

asio::awaitable<void> xhttp_upload::take_stream(std::shared_ptr<connection> body, std::error_code& ec) {
  broken_unless_done whole(*this);
  co_await wait_for_turn(0, ec);
  if (!ec) co_await take_body(*body, ec);
  whole.done = true;
  end(ec ? ec : std::error_code(asio::error::eof));
}

asio::awaitable<void> xhttp_upload::take_post(xhttp_part part, std::error_code& ec) {
  broken_unless_done whole(*this);
  co_await wait_for_turn(part.number, ec);
  std::size_t size = part.data.size();
  if (!ec && size > 0) co_await push(std::move(part.data), ec);
  if (!ec && part.body) size += co_await take_body(*part.body, ec);
  whole.done = true;
  if (ec)
    end(ec);
  else
    finish_post(size == 0);
}

asio::awaitable<std::size_t> xhttp_upload::take_body(connection& body, std::error_code& ec) {
  std::size_t all = 0;
  while (!ec) {
    std::vector<std::byte> piece(largest_piece);
    const std::size_t n = co_await body.read_some(asio::buffer(piece), ec);
    piece.resize(n);
    all += n;
    if (n > 0 && !ec) co_await push(std::move(piece), ec);
  }
  if (ec == asio::error::eof) ec.clear();
  co_return all;
}

// A part that waits behind a present one waits for the reader, however slow that is.
asio::awaitable<void> xhttp_upload::wait_for_turn(std::uint64_t n, std::error_code& ec) {
  bool late = false;
  auto ready = [this, n] { return !must_wait(n); };
  auto blocked = [this] { return !begun_ || !turns_.is_next_there(); };
  for (bool ended = false; !ended && !late;) {
    ended = co_await changed_.wait(mutex_, ready, idle_deadline());
    const std::lock_guard lock(mutex_);
    late = !ended && blocked();
  }
  const std::lock_guard lock(mutex_);
  if (late)
    ec = asio::error::timed_out;
  else
    ec = end_;
}

asio::awaitable<void> xhttp_upload::push(std::vector<std::byte> piece, std::error_code& ec) {
  auto ready = [this] { return end_ || held_bytes_ < room; };
  co_await changed_.wait(mutex_, ready, time_point::max());
  const std::lock_guard lock(mutex_);
  ec = end_;
  if (ec) co_return;
  held_bytes_ += piece.size();
  held_.push_back(std::move(piece));
  changed_.wake_all();
}

void xhttp_upload::finish_post(bool was_empty) {
  const std::lock_guard lock(mutex_);
  turns_.next();
  if (was_empty && !end_) end_ = asio::error::eof;
  if (gone_) end_without_client();
  changed_.wake_all();
}

// --- the download

void xhttp_upload::begin() {
  const std::lock_guard lock(mutex_);
  begun_ = true;
  changed_.wake_all();
}

void xhttp_upload::client_has_gone() {
  const std::lock_guard lock(mutex_);
  gone_ = true;
  if (!streams_) end_without_client();
  changed_.wake_all();
}

void xhttp_upload::end_without_client() {
  if (end_ || turns_.is_next_there()) return;
  end_ = asio::error::connection_reset;
  if (turns_.empty()) end_ = asio::error::eof;
}

asio::awaitable<bool> xhttp_upload::has_ended(time_point limit) {
  auto ready = [this] { return static_cast<bool>(end_); };
  co_return co_await changed_.wait(mutex_, ready, limit);
}

void xhttp_upload::end(std::error_code why) {
  const std::lock_guard lock(mutex_);
  if (!end_) end_ = why;
  changed_.wake_all();
}

asio::awaitable<std::size_t> xhttp_upload::read_some(asio::mutable_buffer into, std::error_code& ec) {
  auto ready = [this] { return end_ || held_bytes_ > 0; };
  co_await changed_.wait(mutex_, ready, time_point::max());
  const std::lock_guard lock(mutex_);
  const std::size_t n = pop({static_cast<std::byte*>(into.data()), into.size()});
  if (n == 0)
    ec = end_;
  else
    changed_.wake_all();
  co_return n;
}

std::size_t xhttp_upload::pop(bytes into) {
  std::size_t done = 0;
  while (done < into.size() && !held_.empty()) {
    const std::size_t n = std::min(into.size() - done, held_.front().size() - first_at_);
    std::memcpy(into.data() + done, held_.front().data() + first_at_, n);
    done += n;
    first_at_ += n;
    if (first_at_ < held_.front().size()) break;
    held_.pop_front();
    first_at_ = 0;
  }
  held_bytes_ -= done;
  return done;
}

}  // namespace muxpro::proxy
