#include "proxy/transport/xhttp_posts.hpp"

#include "proxy/base/exception_code.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/net/random_in.hpp"

#include <muxpro/timer.hpp>

#include <asio/co_spawn.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace muxpro::proxy {

namespace {

asio::awaitable<void> read_to_end(connection& c, std::error_code& ec) {
  std::array<std::byte, 512> dropped;
  while (!ec) co_await c.read_some(asio::buffer(dropped), ec);
  if (ec == asio::error::eof) ec.clear();
}

// A server takes the same part twice for one.
bool may_be_sent_again(std::error_code ec) noexcept {
  return ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
         ec == http2_errc::refused_stream;
}

}  // namespace

xhttp_posts::xhttp_posts(asio::any_io_executor executor, std::shared_ptr<http_requests> by, asker ask,
                         std::size_t most, number_range pause_ms, std::function<void(std::error_code)> failed)
    : executor_(std::move(executor)),
      by_(std::move(by)),
      ask_(std::move(ask)),
      most_(most),
      pause_ms_(pause_ms),
      failed_(std::move(failed)),
      room_(executor_, 2 * most),
      work_(executor_),
      turns_(executor_, by_->most_at_a_time()) {}

void xhttp_posts::start() {
  asio::co_spawn(executor_, run(shared_from_this()), [self = shared_from_this()](std::exception_ptr thrown) {
    if (thrown) self->fail(code_of(thrown));
  });
}

asio::awaitable<void> xhttp_posts::write(asio::const_buffer from, std::error_code& ec) {
  const auto self = shared_from_this();
  while (!ec && from.size() > 0) {
    const std::size_t n = co_await room_.async_acquire_some(from.size(), or_error(ec));
    if (ec) break;
    const auto* const first = static_cast<const std::byte*>(from.data());
    pending_.insert(pending_.end(), first, first + n);
    from += n;
    wake();
  }
  if (ec && stopped_) ec = stopped_;
}

void xhttp_posts::finish() {
  finished_ = true;
  wake();
}

void xhttp_posts::wake() {
  if (work_.available() == 0) work_.release();
}

asio::awaitable<void> xhttp_posts::run(std::shared_ptr<xhttp_posts> self) {
  std::error_code ec;
  for (std::uint64_t n = 0; !self->last_sent_;) {
    co_await self->work_.async_acquire(1, or_error(ec));
    if (!ec) co_await self->pause(ec);
    if (!ec) co_await self->turns_.async_acquire(1, or_error(ec));
    if (ec) co_return;
    std::vector<std::byte> part = self->take_part();
    if (part.empty() && !self->finished_) {
      self->turns_.release();
      continue;
    }
    self->last_sent_ = part.empty();
    self->last_ = std::chrono::steady_clock::now();
    ++self->unanswered_;
    asio::co_spawn(self->executor_, post(self, n++, std::move(part)), [self](std::exception_ptr thrown) {
      if (thrown) self->one_ended(code_of(thrown));
    });
    if (self->finished_ || !self->pending_.empty()) self->wake();
  }
}

std::vector<std::byte> xhttp_posts::take_part() {
  if (pending_.size() <= most_) return std::exchange(pending_, {});
  const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(most_);
  std::vector<std::byte> part(pending_.begin(), end);
  pending_.erase(pending_.begin(), end);
  return part;
}

asio::awaitable<void> xhttp_posts::pause(std::error_code& ec) {
  if (last_ == time_point()) co_return;
  counted_timer timer(executor_);
  timer.expires_at(last_ + std::chrono::milliseconds(random_in(pause_ms_)));
  co_await timer.async_wait(or_error(ec));
  if (stopped_) ec = stopped_;
}

asio::awaitable<void> xhttp_posts::post(std::shared_ptr<xhttp_posts> self, std::uint64_t n,
                                        std::vector<std::byte> part) {
  std::error_code ec;
  co_await self->attempt(n, part, ec);
  self->room_.release(part.size());
  if (may_be_sent_again(ec) && !self->stopped_) {
    ec.clear();
    co_await self->attempt(n, part, ec);
  }
  self->one_ended(ec);
}

asio::awaitable<void> xhttp_posts::attempt(std::uint64_t n, const std::vector<std::byte>& part,
                                           std::error_code& ec) {
  http_request request = ask_(n, part);
  const bool in_body = request.body.length > 0;
  const auto c = co_await by_->send(std::move(request), ec);
  if (!ec && stopped_) ec = stopped_;
  if (ec) co_return;
  under_way_.push_back(c);
  if (in_body) co_await c->write(asio::buffer(part), ec);
  if (!ec) co_await c->finish();
  if (!ec) co_await read_to_end(*c, ec);
  if (ec)
    c->cut();
  else
    c->close();
  std::erase_if(under_way_, [&c](const auto& w) { return w.expired() || w.lock() == c; });
}

asio::awaitable<void> xhttp_posts::sent() {
  std::error_code shown_by_reads;
  co_await sent_.async_wait(executor_, or_error(shown_by_reads));
}

void xhttp_posts::one_ended(std::error_code ec) noexcept {
  turns_.release();
  --unanswered_;
  if (ec) return fail(ec);
  if (last_sent_ && unanswered_ == 0) sent_.set({});
}

void xhttp_posts::fail(std::error_code why) noexcept {
  const auto failed = std::exchange(failed_, nullptr);
  stop(why);
  if (failed) failed(why);
}

void xhttp_posts::stop(std::error_code why) noexcept {
  if (stopped_) return;
  stopped_ = why;
  failed_ = nullptr;
  for (semaphore* s : {&room_, &work_, &turns_}) s->close(why);
  for (const auto& w : std::exchange(under_way_, {}))
    if (const auto c = w.lock()) c->cut();
  sent_.set(why);
}

}  // namespace muxpro::proxy
