// The loop that receives the datagrams of a socket. Ring 4.
#pragma once

#include "proxy/net/or_error.hpp"
#include "proxy/udp/addressed_udp.hpp"

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <system_error>

namespace muxpro::proxy {

/// One buffer suffices for all sockets of a thread that receive by receive_datagrams().
inline bytes datagram_memory() {
  thread_local std::array<std::byte, max_datagram> memory;
  return memory;
}

/// Awaits `take(arrival, packet)` for each datagram, which copies or drops the packet before it waits. Calls
/// `lost()` if that throws. Waits for the socket after 32 datagrams at most.
/// Completes when the socket was closed.
/// Errors: none are reported.
/// Cancellation: not supported.
template <class Take, class Lost>
asio::awaitable<void> receive_datagrams(asio::ip::udp::socket& socket, Take take, Lost lost) {
  constexpr int most_in_a_row = 32;
  for (;;) {
    std::error_code ec;
    co_await socket.async_wait(asio::ip::udp::socket::wait_read, or_error(ec));
    if (ec) co_return;
    for (int i = 0; i < most_in_a_row && socket.is_open(); ++i) {
      arrival how;
      const bytes memory = datagram_memory();
      const asio::mutable_buffer room = asio::buffer(memory.data(), memory.size());
      const std::size_t n = receive_addressed(socket, room, how, ec);
      if (ec) break;
      try {
        co_await take(how, memory.first(n));
      } catch (...) {
        lost();
      }
    }
  }
}

}  // namespace muxpro::proxy
