#include "proxy/transport/http1_pool.hpp"

#include "proxy/net/random_in.hpp"

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

// --- a group

std::shared_ptr<connection> http1_group::take_idle() {
  if (idle_.empty()) return nullptr;
  auto c = std::move(idle_.back().c);
  idle_.pop_back();
  return c;
}

void http1_group::keep(std::shared_ptr<connection> c, time_point now) {
  if (idle_.size() < most_idle)
    idle_.push_back({std::move(c), now});
  else
    c->close();
}

void http1_group::close_idle(time_point since) {
  while (!idle_.empty() && idle_.front().since <= since) {
    idle_.front().c->close();
    idle_.pop_front();
  }
}

// --- all of them

http1_pool::http1_pool(const asio::any_io_executor& executor, const reuse_limits& l, duration idle)
    : limits_(l), idle_(idle), wanted_(random_in(l.connections)), timer_(executor) {}

// The search goes round, so that all of them are used.
std::shared_ptr<http1_use> http1_pool::get() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(all_, [now](const auto& g) { return g->state.is_spent(now); });
  for (std::size_t i = 0; i < all_.size() && all_.size() >= wanted_; ++i) {
    const std::size_t at = (next_ + i) % all_.size();
    if (all_[at]->state.is_full()) continue;
    next_ = at + 1;
    return std::make_shared<http1_use>(all_[at]);
  }
  all_.push_back(std::make_shared<http1_group>(reuse_state(limits_, now, random_in)));
  return std::make_shared<http1_use>(all_.back());
}

void http1_pool::keep(http1_group& g, std::shared_ptr<connection> c) {
  g.keep(std::move(c), std::chrono::steady_clock::now());
  if (!std::exchange(watching_, true)) watch(shared_from_this());
}

void http1_pool::watch(std::shared_ptr<http1_pool> self) {
  auto& timer = self->timer_;
  timer.expires_after(self->idle_);
  timer.async_wait([self = std::move(self)](std::error_code ec) {
    self->watching_ = !ec && self->close_idle();
    if (self->watching_) watch(self);
  });
}

/// Whether others are idle.
bool http1_pool::close_idle() {
  bool any = false;
  for (const auto& g : all_) {
    g->close_idle(std::chrono::steady_clock::now() - idle_);
    any = any || g->has_idle();
  }
  return any;
}

}  // namespace muxpro::proxy
