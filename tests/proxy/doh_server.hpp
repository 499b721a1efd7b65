// A server of DNS over HTTPS for tests, in front of a dns_server.
#pragma once

#include "dns_server.hpp"
#include "tls_meeting.hpp"

#include "proxy/net/or_error.hpp"
#include "proxy/transport/http2_connection.hpp"
#include "proxy/transport/tls.hpp"

#include <muxpro/proxy/connection.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace test {

/// On a thread of its own. What its answers are like may be changed at any time.
class doh_front {
 public:
  explicit doh_front(dns_server& names, bool tls = true) : names_(names) {
    using namespace muxpro::proxy;
    if (tls) {
      tls_options o = tls_test::of_server();
      o.alpn = {"h2"};
      tls_ = std::make_shared<const tls_transport>(muxpro::role::server, o);
    }
    asio::co_spawn(io_, accept(), [](std::exception_ptr) {});
    thread_ = std::thread([this] { io_.run(); });
  }
  ~doh_front() {
    io_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return at_.local_endpoint().port(); }
  int connections() const { return connections_; }
  int requests() const { return requests_; }
  /// The head of the last request.
  muxpro::proxy::http2_head last_head() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  /// Ends all connections, with their streams.
  void cut() {
    asio::post(io_, [this] {
      for (const auto& weak : open_)
        if (const auto c = weak.lock()) c->cut();
    });
  }

  std::atomic<int> status{200};
  std::atomic<bool> answers{true};      ///< no: requests get no answer
  std::atomic<std::size_t> padding{0};  ///< octets behind a message
  std::atomic<bool> of_another_type{false};

 private:
  using connection_ptr = std::shared_ptr<muxpro::proxy::connection>;

  asio::awaitable<void> accept() {
    for (;;) {
      asio::ip::tcp::socket s = co_await at_.async_accept(asio::use_awaitable);
      ++connections_;
      asio::co_spawn(io_, serve(muxpro::proxy::make_connection(muxpro::proxy::stream_socket(std::move(s)))),
                     [](std::exception_ptr) {});
    }
  }
  asio::awaitable<void> serve(connection_ptr below) {
    using namespace muxpro::proxy;
    std::error_code ec;
    if (tls_) below = co_await tls_->open(std::move(below), ec);
    if (ec) co_return;
    const auto c = std::make_shared<http2_connection>(
        std::move(below), muxpro::role::server, http2_options(),
        [this](http2_connection& on, http2_request r) {
          asio::co_spawn(io_, answer(on.shared_from_this(), std::move(r)), [](std::exception_ptr) {});
        });
    open_.push_back(c);
    co_await c->run(ec);
  }
  asio::awaitable<void> answer(std::shared_ptr<muxpro::proxy::http2_connection> on,
                               muxpro::proxy::http2_request r) {
    using namespace muxpro::proxy;
    ++requests_;
    {
      const std::lock_guard lock(mutex_);
      last_ = r.head;
    }
    const std::string type = of_another_type ? "text/html" : "application/dns-message";
    const http2_head head{{":status", std::to_string(status)}, {"content-type", type}};
    http2_stream s = on->accept(r, head, std::make_unique<http2_body>());
    std::vector<std::uint8_t> query;
    std::array<std::uint8_t, 4096> room;
    std::error_code ec;
    while (!ec) {
      const std::size_t n = co_await s.async_read_some(asio::buffer(room), or_error(ec));
      query.insert(query.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n));
    }
    auto reply = query.size() < 12 ? query : names_.reply_to(query.data(), query.size());
    while (!answers || reply.empty()) co_await pause();
    reply.resize(reply.size() + padding);
    ec = {};
    co_await asio::async_write(s, asio::buffer(reply), or_error(ec));
    if (!ec) co_await s.async_shutdown(or_error(ec));
  }

  asio::awaitable<void> pause() {
    asio::steady_timer timer(io_, std::chrono::milliseconds(10));
    co_await timer.async_wait(asio::use_awaitable);
  }

  dns_server& names_;
  std::shared_ptr<const muxpro::proxy::tls_transport> tls_;
  asio::io_context io_;
  asio::ip::tcp::acceptor at_{io_, {asio::ip::address_v4::loopback(), 0}};
  std::list<std::weak_ptr<muxpro::proxy::http2_connection>> open_;
  std::atomic<int> connections_{0}, requests_{0};
  mutable std::mutex mutex_;
  muxpro::proxy::http2_head last_;
  std::thread thread_;
};

}  // namespace test
