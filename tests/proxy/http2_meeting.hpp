// A client and a server of HTTP/2 that meet over a pipe.
#pragma once

#include "catch.hpp"
#include "support.hpp"

#include "proxy/transport/http2_connection.hpp"

#include <muxpro/pipe.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace http2_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using test::as_result;

template <class T = void>
using awaitable = asio::awaitable<T>;

inline awaitable<> pause(std::chrono::nanoseconds how_long) {
  asio::steady_timer timer(co_await asio::this_coro::executor, how_long);
  co_await timer.async_wait(asio::use_awaitable);
}

inline awaitable<> wait_for(std::function<bool()> condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) co_await pause(1ms);
  CHECK(condition());
}

inline std::shared_ptr<connection> shared(pipe_end p) { return make_connection(std::move(p)); }

inline const http2_head& post() {
  static const http2_head head{
      {":method", "POST"}, {":scheme", "http"}, {":path", "/a"}, {":authority", "test"}};
  return head;
}

/// A connection that runs until it has ended.
struct running {
  running(asio::io_context& io, std::shared_ptr<http2_connection> c) : connection(std::move(c)) {
    asio::co_spawn(io, run(connection, outcome), [](std::exception_ptr) {});
  }
  static awaitable<> run(std::shared_ptr<http2_connection> c,
                         std::shared_ptr<std::optional<std::error_code>> to) {
    std::error_code ec;
    co_await c->run(ec);
    *to = ec;
  }
  bool ended() const { return outcome->has_value(); }

  std::shared_ptr<http2_connection> connection;
  std::shared_ptr<std::optional<std::error_code>> outcome =
      std::make_shared<std::optional<std::error_code>>();
};

struct meeting {
  using make_body = std::function<std::unique_ptr<http2_body>()>;

  explicit meeting(
      http2_options client_side = {}, http2_options server_side = {},
      make_body body = [] { return std::make_unique<http2_body>(); })
      : body_(std::move(body)),
        wire(make_pipe(io.get_executor(), 1 << 18)),
        client(io,
               std::make_shared<http2_connection>(shared(std::move(wire.first)), role::client, client_side)),
        server(io, std::make_shared<http2_connection>(
                       shared(std::move(wire.second)), role::server, server_side,
                       [this](http2_connection& c, http2_request r) {
                         accepted.push_back(c.accept(r, {{":status", "200"}}, body_()));
                       })) {}
  void run(std::function<awaitable<>(meeting&)> work) { test::run(io, work(*this)); }

  http2_stream request() { return client.connection->request(post(), body_()); }
  awaitable<http2_stream> taken() {
    co_await wait_for([this] { return !accepted.empty(); });
    http2_stream s = std::move(accepted.front());
    accepted.erase(accepted.begin());
    co_return s;
  }

  make_body body_;
  asio::io_context io;
  std::pair<pipe_end, pipe_end> wire;
  std::vector<http2_stream> accepted;
  running client, server;
};

inline awaitable<std::error_code> write(http2_stream& to, std::string text) {
  const auto [error, n] = co_await asio::async_write(to, asio::buffer(text), as_result);
  co_return error;
}

inline awaitable<std::string> read(http2_stream& from, std::size_t size) {
  std::string text(size, '\0');
  const auto [error, n] = co_await asio::async_read(from, asio::buffer(text), as_result);
  text.resize(n);
  co_return text;
}

/// What comes, and how it ends: "|" a clean end, "!" a cut.
inline awaitable<std::string> read_all(http2_stream& from) {
  std::string text;
  std::vector<char> room(16384);
  for (;;) {
    const auto [error, n] = co_await from.async_read_some(asio::buffer(room), as_result);
    text.append(room.data(), n);
    if (error) co_return text + (error == asio::error::eof ? "|" : "!");
  }
}

}  // namespace http2_test
