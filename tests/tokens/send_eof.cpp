// async_send_eof() with several completion tokens.
#include "operations.hpp"

#include <asio/use_future.hpp>

#include <exception>
#include <future>

namespace {

using namespace tokens_test;

TEST_CASE("async_send_eof() takes any completion token", "[tokens]") {
  asio::io_context io;
  auto [a, b] = make_pipe(io.get_executor());
  auto [c, d] = make_pipe(io.get_executor());
  bool sent = false;
  async_send_eof(a, [&](std::exception_ptr e) { sent = !e; });
  std::future<void> done = async_send_eof(c, asio::use_future);
  error_code ends[2];
  std::byte room[1];
  b.async_read_some(asio::buffer(room), [&](error_code ec, std::size_t) { ends[0] = ec; });
  d.async_read_some(asio::buffer(room), [&](error_code ec, std::size_t) { ends[1] = ec; });
  io.run();
  CHECK(sent);
  done.get();
  CHECK(ends[0] == asio::error::eof);
  CHECK(ends[1] == asio::error::eof);
}

}  // namespace
