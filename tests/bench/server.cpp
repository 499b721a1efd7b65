#include "mux_bench.hpp"

#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

namespace bench {

namespace {

using asio::use_awaitable;
using asio::ip::tcp;
using muxpro::sub_stream;

asio::awaitable<void> wait_for_end(sub_stream& stream) {
  char none = 0;
  error_code ignored;
  co_await stream.async_read_some(asio::buffer(&none, 1), or_error(ignored));
}

asio::awaitable<void> send_back(sub_stream& stream) {
  std::array<char, ping_size> message;
  for (;;) {
    error_code ec;
    co_await asio::async_read(stream, asio::buffer(message), or_error(ec));
    if (ec) co_return;
    co_await asio::async_write(stream, asio::buffer(message), use_awaitable);
  }
}

asio::awaitable<void> take_all(sub_stream& stream, std::size_t chunk) {
  std::uint64_t size = 0;
  co_await asio::async_read(stream, asio::buffer(&size, sizeof(size)), use_awaitable);
  const auto memory = std::make_unique_for_overwrite<char[]>(chunk);
  for (std::uint64_t left = size; left > 0;) {
    const auto into = asio::buffer(memory.get(), std::min<std::uint64_t>(chunk, left));
    left -= co_await stream.async_read_some(into, use_awaitable);
  }
  co_await asio::async_write(stream, asio::buffer(&size, sizeof(size)), use_awaitable);
  co_await wait_for_end(stream);
}

/// Waits for the next byte with a handler: a coroutine of Asio's that waits takes three times the memory.
void rest(sub_stream stream) {
  struct resting {
    sub_stream stream;
    char next = 0;
  };
  auto r = std::make_unique<resting>(resting{std::move(stream)});
  resting& at = *r;
  at.stream.async_read_some(asio::buffer(&at.next, 1),
                            [r = std::move(r)](error_code, std::size_t) { r->stream.close(); });
}

asio::awaitable<void> serve_stream(sub_stream stream, std::size_t chunk) {
  char asked = 0;
  error_code ec;
  co_await stream.async_read_some(asio::buffer(&asked, 1), or_error(ec));
  if (ec) co_return;
  if (asked == request::sink) {
    co_await take_all(stream, chunk);
  } else if (asked == request::echo) {
    co_await send_back(stream);
  } else {
    if (asked == request::trim) ::malloc_trim(0);
    co_await stream.async_write_some(asio::buffer(&asked, 1), use_awaitable);
    if (asked == request::idle) co_return rest(std::move(stream));
  }
  stream.close();
}

asio::awaitable<void> serve_connection(tcp::socket socket, std::size_t chunk,
                                       muxpro::session_options options) {
  socket.set_option(tcp::no_delay(true));
  muxpro::session session(std::move(socket), muxpro::role::server, std::move(options));
  session.async_run([](error_code fate) {
    if (fate && fate != muxpro::errc::connection_lost && fate != asio::error::connection_reset)
      complain("mux_bench server", fate.message());
  });
  co_await serve(session, chunk);
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor, std::size_t chunk,
                                 muxpro::session_options options) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve_connection(std::move(socket), chunk, options),
                   asio::detached);
  }
}

}  // namespace

asio::awaitable<void> serve(muxpro::session& session, std::size_t chunk) {
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    error_code ec;
    sub_stream stream = co_await session.async_accept(or_error(ec));
    if (ec) co_return;
    // The client ends its sub-streams whenever it has had enough.
    asio::co_spawn(executor, serve_stream(std::move(stream), chunk), asio::detached);
  }
}

int run_server(arguments& words) {
  const std::uint16_t port = words.port();
  words.read_values();
  const auto chunk = words.number("chunk", 65536, 1, 1 << 30);
  const auto streams = words.number("streams", 1, 1, 65535);
  words.check_all_used();
  asio::io_context io(1);
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), port));
  asio::co_spawn(io, accept_all(acceptor, chunk, options_for(streams)), [](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  });
  io.run();
  return 0;
}

}  // namespace bench
