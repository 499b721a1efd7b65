#include "soak.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <deque>

namespace soak {

namespace {

asio::awaitable<void> echo(tcp::socket s) {
  std::array<char, 8192> room;
  error_code ec;
  while (!ec) {
    const std::size_t n = co_await s.async_read_some(asio::buffer(room), or_error(ec));
    if (!ec) co_await asio::async_write(s, asio::buffer(room.data(), n), or_error(ec));
  }
}

}  // namespace

std::vector<std::uint32_t> latencies::take() {
  std::vector<std::uint32_t> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(samples_);
  }
  std::sort(all.begin(), all.end());
  return all;
}

asio::awaitable<void> accept_only(tcp::acceptor& at) {
  std::deque<tcp::socket> kept;
  for (;;) {
    error_code ec;
    tcp::socket s = co_await at.async_accept(or_error(ec));
    if (ec == asio::error::operation_aborted) co_return;
    if (!ec) kept.push_back(std::move(s));
    if (kept.size() > 100) kept.pop_front();
  }
}

asio::awaitable<void> serve_tcp_echo(tcp::acceptor& at) {
  for (;;) {
    error_code ec;
    tcp::socket s = co_await at.async_accept(or_error(ec));
    if (ec == asio::error::operation_aborted) co_return;
    if (!ec) asio::co_spawn(at.get_executor(), echo(std::move(s)), asio::detached);
  }
}

asio::awaitable<void> serve_udp_echo(udp::socket& at) {
  std::array<char, 2048> room;
  for (;;) {
    error_code ec;
    udp::endpoint from;
    const std::size_t n = co_await at.async_receive_from(asio::buffer(room), from, or_error(ec));
    if (ec == asio::error::operation_aborted) co_return;
    if (!ec) co_await at.async_send_to(asio::buffer(room.data(), n), from, or_error(ec));
  }
}

}  // namespace soak
