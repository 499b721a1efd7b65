#include "proxy/transport/http2_connection.hpp"

#include "proxy/base/exception_code.hpp"
#include "proxy/transport/http2_session.hpp"

#include <muxpro/layer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t http2_block = 128 * 1024;  // as a relay reads
constexpr std::size_t http2_heads = 4 * 1024;    // of the frames in a block

time_point http2_now() { return std::chrono::steady_clock::now(); }

}  // namespace

http2_connection::http2_connection(std::shared_ptr<connection> below, role side, const http2_options& o,
                                   on_request take)
    : below_(std::move(below)),
      side_(side),
      options_(o),
      take_(std::move(take)),
      tick_(below_->get_executor()),
      began_(http2_now()),
      idle_since_(began_),
      read_at_(began_) {
  session_ = callbacks::make_session(*this);
}

http2_connection::~http2_connection() {
  for (const auto& [id, s] : streams_) s->leave_connection();
  nghttp2_session_del(session_);
}

// --- reading

asio::awaitable<void> http2_connection::run(std::error_code& ec, std::vector<std::byte> early) {
  const auto self = shared_from_this();
  try {
    co_await read_all(std::move(early));
  } catch (...) {
    end(code_of(std::current_exception()));
  }
  ec = why_ == asio::error::eof && settled_ ? std::error_code() : why_;
}

asio::awaitable<void> http2_connection::read_all(std::vector<std::byte> early) {
  begin();
  if (!early.empty()) take(early);
  layer::relay_buffer buffer(http2_block);
  while (!ended_) {
    std::error_code unread;
    const std::size_t n = co_await below_->read_some(buffer.room(), unread);
    if (unread) end(unread);
    if (ended_) break;
    buffer.filled(n);
    const asio::const_buffer in = buffer.bytes();
    take({static_cast<const std::byte*>(in.data()), in.size()});
    buffer.consume(n);
  }
}

void http2_connection::begin() {
  callbacks::submit_settings(*this);
  asio::co_spawn(below_->get_executor(), watch(shared_from_this()), [](std::exception_ptr) {});
  flush();
}

void http2_connection::take(const_bytes in) {
  read_at_ = http2_now();
  const auto n =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(in.data()), in.size());
  end_turn();
  if (n < 0) return end(flooded_ ? make_error_code(http2_errc::flood) : http2_failure(static_cast<int>(n)));
  flush();
}

// --- writing

// nghttp2 may be about to call for more, and streams may have more to write by the next turn.
void http2_connection::flush() noexcept try {
  if (writing_ || ended_ || !(nghttp2_session_want_write(session_) || is_over())) return;
  const auto self = shared_from_this();
  writing_ = true;
  asio::co_spawn(below_->get_executor(), write_out(self), [self](std::exception_ptr thrown) {
    if (thrown) self->end(code_of(thrown));
  });
} catch (...) {
  end(asio::error::no_memory);
}

asio::awaitable<void> http2_connection::write_out(std::shared_ptr<http2_connection>) {
  co_await asio::post(below_->get_executor(), asio::use_awaitable);
  layer::thread_memory memory;
  while (!ended_) {
    const bytes room = memory.take(http2_block + http2_heads);
    const std::size_t n = fill(room);
    if (n == 0 || ended_) break;
    write_began_ = http2_now();
    std::error_code unwritten;
    co_await below_->write(asio::buffer(room.data(), n), unwritten);
    write_began_ = {};
    if (unwritten) end(unwritten);
  }
  memory.give_back();
  writing_ = false;
  if (!ended_ && is_over()) co_await close_below();
}

// Makes one copy, so that no frame waits for the connection below. Many frames go out in one write.
std::size_t http2_connection::fill(bytes room) {
  room_ = room;
  used_ = 0;
  while (used_ < room_.size()) {
    if (pending_.empty()) {
      const std::uint8_t* data = nullptr;
      const auto n = nghttp2_session_mem_send(session_, &data);
      if (n < 0) end(http2_failure(static_cast<int>(n)));
      if (n <= 0) break;
      pending_ = {reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(n)};
    }
    const std::size_t n = std::min(pending_.size(), room_.size() - used_);
    std::memcpy(room_.data() + used_, pending_.data(), n);
    used_ += n;
    pending_ = pending_.subspan(n);
  }
  room_ = {};
  if (!ended_) end_turn();
  return used_;
}

// --- the end

bool http2_connection::is_over() const noexcept {
  return !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
}

asio::awaitable<void> http2_connection::close_below() {
  const deadline limit(below_, std::chrono::seconds(1));
  co_await below_->finish();
  below_->close();
  end(goaway_);
}

void http2_connection::end(std::error_code why) noexcept {
  if (std::exchange(ended_, true)) return;
  why_ = why;
  const auto streams = std::exchange(streams_, {});
  for (const auto& [id, s] : streams) {
    s->closed(asio::error::connection_reset);
    s->end_turn();
    s->leave_connection();
  }
  tick_.cancel();
  if (why == asio::error::eof)
    below_->close();
  else if (why)
    below_->cut();
}

void http2_connection::drain() {
  if (ended_) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  flush();
}

// --- time

asio::awaitable<void> http2_connection::watch(std::shared_ptr<http2_connection>) {
  while (!ended_) {
    std::error_code cancelled;
    tick_.expires_at(next_check(http2_now()));
    co_await tick_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (!ended_) check(http2_now());
  }
}

time_point http2_connection::next_check(time_point now) const {
  time_point next = now + options_.write_stall;
  if (write_began_ != time_point()) next = std::min(next, write_began_ + options_.write_stall);
  if (!settled_) next = std::min(next, began_ + options_.handshake);
  if (streams_.empty()) next = std::min(next, idle_since_ + options_.idle);
  if (ping_sent_ != time_point()) next = std::min(next, ping_sent_ + options_.ping_answer);
  if (options_.ping_after > duration(0)) {
    const time_point silent = read_at_ + options_.ping_after;
    next = std::min(next, silent > now ? silent : now + options_.ping_after);
  }
  return std::max(next, now + std::chrono::milliseconds(1));
}

void http2_connection::check(time_point now) {
  const bool stalled = write_began_ != time_point() && now >= write_began_ + options_.write_stall;
  const bool late = !settled_ && now >= began_ + options_.handshake;
  const bool silent =
      ping_sent_ != time_point() && read_at_ < ping_sent_ && now >= ping_sent_ + options_.ping_answer;
  if (stalled || late || silent) return end(asio::error::timed_out);
  if (streams_.empty() && now >= idle_since_ + options_.idle) {
    idle_since_ = now;
    return drain();
  }
  send_ping(now);
}

void http2_connection::send_ping(time_point now) {
  if (ping_sent_ != time_point() && read_at_ >= ping_sent_) ping_sent_ = {};
  const bool wanted = options_.ping_after > duration(0) && ping_sent_ == time_point() &&
                      now >= read_at_ + options_.ping_after;
  if (!wanted || (streams_.empty() && !options_.ping_without_streams)) return;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  ping_sent_ = now;
  flush();
}

}  // namespace muxpro::proxy
