#include "proxy/transport/http2_pool.hpp"

#include "proxy/net/or_error.hpp"
#include "proxy/net/random_in.hpp"

#include <asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

struct http2_turn {
  explicit http2_turn(semaphore& s) : of(s) {}
  http2_turn(const http2_turn&) = delete;
  ~http2_turn() { of.release(); }
  semaphore& of;
};

asio::awaitable<void> run_client(std::shared_ptr<const void>, std::shared_ptr<http2_connection> c) {
  std::error_code streams_report_it;
  co_await c->run(streams_report_it);
}

}  // namespace

std::shared_ptr<http2_connection> start_http2_client(std::shared_ptr<connection> below,
                                                     const http2_options& o,
                                                     std::shared_ptr<const void> owner) {
  const auto executor = below->get_executor();
  const auto c = std::make_shared<http2_connection>(std::move(below), role::client, o);
  asio::co_spawn(executor, run_client(std::move(owner), c), [](std::exception_ptr) {});
  return c;
}

http2_use::~http2_use() {
  state_->end();
  if (state_->is_used() || !state_->is_spent(std::chrono::steady_clock::now())) return;
  if (const auto c = connection_.lock()) c->drain();
}

bool http2_use::lasts() const noexcept {
  const auto c = connection_.lock();
  return c && c->takes_requests() && state_->takes_requests(std::chrono::steady_clock::now());
}

http2_pool::http2_pool(const asio::any_io_executor& executor, const http2_options& o, const reuse_limits& l,
                       std::shared_ptr<spaced_dials> dials)
    : options_(o),
      limits_(l),
      wanted_(random_in(l.connections)),
      turn_(executor, 1),
      dials_(std::move(dials)),
      timer_(executor) {}

asio::awaitable<std::shared_ptr<http2_use>> http2_pool::get(transport::opener below, std::error_code& ec) {
  if (auto use = usable_now()) co_return use;
  const auto self = shared_from_this();
  const std::uint64_t before = attempts_;
  co_await turn_.async_acquire(1, or_error(ec));
  if (ec) co_return nullptr;
  const http2_turn turn(turn_);
  if (auto use = usable_now()) co_return use;
  if (attempts_ != before && last_)
    ec = last_;
  else
    co_await wait_for_dial(ec);
  if (!ec) co_await dial(below, ec);
  auto use = usable(false);
  if (use) ec.clear();
  co_return use;
}

std::shared_ptr<http2_use> http2_pool::usable_now() {
  return usable(!dials_ || dials_->is_free(std::chrono::steady_clock::now()));
}

asio::awaitable<void> http2_pool::wait_for_dial(std::error_code& ec) {
  while (dials_ && !ec && !dials_->begin(std::chrono::steady_clock::now())) {
    timer_.expires_at(dials_->next());
    co_await timer_.async_wait(or_error(ec));
  }
}

asio::awaitable<void> http2_pool::dial(transport::opener& below, std::error_code& ec) {
  auto c = co_await below(ec);
  if (!ec) {
    const auto made = start_http2_client(std::move(c), options_, shared_from_this());
    const auto now = std::chrono::steady_clock::now();
    all_.push_back({made, std::make_shared<reuse_state>(limits_, now, random_in)});
    next_ = all_.size() - 1;
  }
  if (ec == asio::error::operation_aborted) co_return;
  ++attempts_;
  last_ = ec;
}

// The search goes round, so that all of them are used.
std::shared_ptr<http2_use> http2_pool::usable(bool may_dial) {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(all_, [now](const entry& e) { return e.connection.expired() || e.state->is_spent(now); });
  if (may_dial && all_.size() < wanted_) return nullptr;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const entry& e = all_[(next_ + i) % all_.size()];
    const auto c = e.connection.lock();
    if (!c || !c->takes_requests() || e.state->is_full()) continue;
    next_ = wanted_ > 0 ? (next_ + i + 1) % all_.size() : 0;
    return std::make_shared<http2_use>(c, e.state);
  }
  return nullptr;
}

http2_pools::http2_pools(const http2_options& o, const reuse_limits& l)
    : options_(o),
      limits_(l),
      dials_(l.dial_spacing > duration(0) ? std::make_shared<spaced_dials>(l.dial_spacing) : nullptr) {}

std::shared_ptr<http2_pool> http2_pools::of(const asio::any_io_executor& executor) {
  return pools_.of(executor,
                   [&] { return std::make_shared<http2_pool>(executor, options_, limits_, dials_); });
}

}  // namespace muxpro::proxy
