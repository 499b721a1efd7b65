#include "proxy/transport/http2_pool.hpp"

#include "proxy/net/or_error.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

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

asio::awaitable<std::shared_ptr<http2_connection>> http2_pool::get(transport::opener below,
                                                                   std::error_code& ec) {
  if (auto c = usable()) co_return c;
  const auto self = shared_from_this();
  const std::uint64_t before = attempts_;
  co_await turn_.async_acquire(1, or_error(ec));
  if (ec) co_return nullptr;
  const http2_turn turn(turn_);
  if (auto c = usable()) co_return c;
  if (attempts_ != before && last_)
    ec = last_;
  else
    co_await dial(below, ec);
  co_return usable();
}

asio::awaitable<void> http2_pool::dial(transport::opener& below, std::error_code& ec) {
  auto c = co_await below(ec);
  if (!ec) all_.push_back(start_http2_client(std::move(c), options_, shared_from_this()));
  if (ec == asio::error::operation_aborted) co_return;
  ++attempts_;
  last_ = ec;
}

std::shared_ptr<http2_connection> http2_pool::usable() {
  std::erase_if(all_, [](const auto& c) { return c.expired(); });
  for (const auto& one : all_)
    if (auto c = one.lock(); c && c->takes_requests()) return c;
  return nullptr;
}

std::shared_ptr<http2_pool> http2_pools::of(const asio::any_io_executor& executor) {
  const std::lock_guard lock(mutex_);
  std::erase_if(by_context_, [](const auto& one) { return one.second.expired(); });
  auto& place = by_context_[&asio::query(executor, asio::execution::context)];
  auto pool = place.lock();
  if (!pool) place = pool = std::make_shared<http2_pool>(executor, options_);
  return pool;
}

namespace {

void drain_there(const std::shared_ptr<http2_connection>& c) {
  asio::post(c->get_executor(), [c] { c->drain(); });
}

}  // namespace

void http2_servers::add(const std::shared_ptr<http2_connection>& c) {
  const std::lock_guard lock(mutex_);
  std::erase_if(all_, [](const auto& one) { return one.expired(); });
  all_.push_back(c);
  if (draining_) drain_there(c);
}

void http2_servers::drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  for (const auto& one : all_)
    if (const auto c = one.lock()) drain_there(c);
}

}  // namespace muxpro::proxy
