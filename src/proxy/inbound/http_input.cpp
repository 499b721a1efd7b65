#include "proxy/inbound/http_input.hpp"

#include "proxy/net/or_error.hpp"

#include <muxpro/proxy/client.hpp>

#include <asio/co_spawn.hpp>

namespace muxpro::proxy {

void http_input::consume(std::size_t n) {
  at_ += n;
  if (at_ < unread_.size()) return;
  unread_.clear();
  at_ = 0;
}

std::vector<std::byte> http_input::take() {
  unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(at_));
  at_ = 0;
  return std::move(unread_);
}

void http_input::read_more(std::size_t most) {
  if (reads_ || end_) return;
  reads_ = true;
  asio::co_spawn(c_->get_executor(), read(shared_from_this(), most),
                 [self = shared_from_this()](std::exception_ptr failed) {
                   if (failed) self->done(asio::error::no_memory);
                 });
}

asio::awaitable<void> http_input::read(std::shared_ptr<http_input> self, std::size_t most) {
  std::error_code ec;
  self->room_.resize(most);
  const std::size_t n = co_await self->c_->read_some(asio::buffer(self->room_), ec);
  self->room_.resize(n);
  if (self->unread().empty())
    self->unread_.swap(self->room_);
  else
    self->unread_.insert(self->unread_.end(), self->room_.begin(), self->room_.end());
  self->done(ec);
}

void http_input::done(std::error_code why) {
  reads_ = false;
  end_ = why;
  changed_.release();
}

asio::awaitable<void> http_input::wait() {
  std::error_code ec;
  co_await changed_.async_acquire(1, or_error(ec));
}

asio::awaitable<void> end_after_answer(std::shared_ptr<connection> c, std::shared_ptr<http_input> input) {
  constexpr std::size_t dropped_at_once = 4096;
  const deadline limit(c, lingering_limit, &connection::close);
  co_await c->finish();
  while (!input->end()) {
    input->consume(input->unread().size());
    input->read_more(dropped_at_once);
    co_await input->wait();
  }
  c->close();
}

}  // namespace muxpro::proxy
