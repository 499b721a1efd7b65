#include <muxpro/proxy/link.hpp>

#include "or_error.hpp"

#include <asio/this_coro.hpp>

#include <cassert>

namespace muxpro::proxy {

asio::awaitable<std::error_code> word::wait() {
  assert(!awaited_ && "awaited once");
  if (told_) co_return ec_;
  awaited_.emplace(co_await asio::this_coro::executor);
  std::error_code ec;
  co_await awaited_->async_acquire(1, or_error(ec));
  if (ec) co_return ec;
  co_return ec_;
}

asio::awaitable<answered_client> outcome::wait_for_client(std::error_code& ec) {
  ec = co_await handed_.wait();
  co_return std::move(answered_);
}

std::pair<inbound_link, outbound_link> make_link(const asio::any_io_executor& executor, std::size_t capacity,
                                                 client_side client) {
  auto [in, out] = make_pipe(executor, capacity);
  const auto target = std::make_shared<outcome>(client);
  return {inbound_link(std::move(in), target), outbound_link(std::move(out), target)};
}

}  // namespace muxpro::proxy
