// A line to an echo and back, over a connection of a transport.
#pragma once

#include "support.hpp"

#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/session.hpp>

#include <asio/read.hpp>
#include <asio/write.hpp>

#include <string>
#include <system_error>
#include <utility>

namespace test {

/// "hello" through a session of its own over a connection of `way`, or what went wrong.
inline asio::awaitable<std::string> word_through(muxpro::proxy::transport_dialer& way,
                                                 muxpro::destination to) {
  std::error_code ec;
  const auto c = co_await way.dial(ec);
  if (ec) co_return ec.message();
  muxpro::session main = c->into_session(muxpro::role::client, {});
  main.async_run([](std::error_code) {});
  muxpro::open_request request(std::move(to));
  auto [failed, stream] = co_await main.async_open(std::move(request), as_result);
  if (failed) co_return failed.message();
  std::string word = "hello";
  co_await asio::async_write(stream, asio::buffer(word), as_result);
  word.assign(5, ' ');
  const auto [error, n] = co_await asio::async_read(stream, asio::buffer(word), as_result);
  co_return error ? error.message() : word;
}

}  // namespace test
