// An end of a datagram link that comes while a datagram is on its way to the receiver.
#include "support.hpp"

#include "catch.hpp"

#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <array>
#include <string>
#include <system_error>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;

asio::awaitable<void> receive_once(datagram_stream& from, std::error_code& ec, std::size_t& n) {
  std::array<char, 10> room;
  host_port peer;
  n = co_await from.receive(asio::buffer(room), peer, ec);
}

// In one turn, before the receiver goes on.
asio::awaitable<void> send_and_end(datagram_stream& from, datagram_stream& to) {
  std::error_code ec;
  const host_port peer("192.0.2.1", 53);
  co_await from.send(asio::buffer("hello", 5), peer, ec);
  CHECK(!ec);
  to.end(end_code::graceful);
}

}  // namespace

TEST_CASE("datagram link: end() in front of a receiver that has been woken", "[proxy][udp]") {
  asio::io_context io;
  const auto [near, far] = make_datagram_link(io.get_executor());
  std::error_code ec;
  std::size_t n = 1;
  bool received = false;
  asio::co_spawn(io, receive_once(*near, ec, n), [&](std::exception_ptr e) { received = !e; });
  io.poll();
  io.restart();
  asio::co_spawn(io, send_and_end(*far, *near), asio::detached);
  io.poll();
  CHECK(received);
  CHECK(ec == asio::error::operation_aborted);
  CHECK(n == 0);
}
