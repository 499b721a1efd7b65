// A connection whose reads are limited to a pace. Ring 4.
#pragma once

#include "proxy/net/or_error.hpp"
#include "proxy/policy/pace.hpp"
#include "proxy/transport/coroutine_stream.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// See coroutine_stream.
class paced_connection {
 public:
  paced_connection(std::shared_ptr<connection> c, const pace_limits& l) : c_(std::move(c)), limit_(l) {}

  asio::any_io_executor get_executor() const { return c_->get_executor(); }
  /// Completes with at least one byte, at the pace. Errors and cancellation: connection::read_some().
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) {
    const std::size_t n = co_await c_->read_some(into, ec);
    const duration wait = limit_.took(n, std::chrono::steady_clock::now());
    if (wait == duration(0)) co_return n;
    counted_timer timer(c_->get_executor(), wait);
    std::error_code cancelled;
    co_await timer.async_wait(or_error(cancelled));
    co_return n;
  }
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) { return c_->write(from, ec); }
  asio::awaitable<void> finish() { return c_->finish(); }
  void cut(end_code code) noexcept { c_->cut(code); }
  void close() noexcept { c_->close(); }

 private:
  const std::shared_ptr<connection> c_;
  pace limit_;
};

/// Returns `c` itself without limits.
inline std::shared_ptr<connection> paced(std::shared_ptr<connection> c, const pace_limits& l) {
  if (l.per_second == 0) return c;
  return make_connection(coroutine_stream(std::make_shared<paced_connection>(std::move(c), l)));
}

}  // namespace muxpro::proxy
