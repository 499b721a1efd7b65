// relay_access: the operations of sessions and relays on the library's own streams and on sockets, beside
// reads and writes.
#pragma once

#include <muxpro/detail/loop.hpp>
#include <muxpro/detail/relay_buffer.hpp>
#include <muxpro/plain_socket.hpp>

#include <utility>

namespace muxpro::detail {

/// Specialized for the streams of the library. Its functions are optional:
/// - take(s, buffer, handler), as async_read_some() into `buffer.room()`. The memory may be exchanged for
///   that of a writer, with the bytes in it.
/// - give(s, buffer, handler), as async_write_some() of `buffer.bytes()`. Many bytes are not copied, but wait
///   until a reader takes them.
/// - flow(s, sink, handler): bytes go to `sink` as they arrive. It completes when the sink is full or the
///   stream has ended, and its count has no meaning.
/// - write_now(s, buffers, ec) returns how many of the first bytes the stream has taken. It does not wait.
/// - wait_for_room(s, handler) completes with 0 when write_now() may take more. Its errors are those of
///   async_write_some().
/// - read_now(s, bytes, ec) returns how many bytes it has read. It does not wait. `ec` is would_block then.
/// - wait_for_bytes(s, handler) completes with 0 when read_now() gets bytes, the end or an error.
/// - socket_of_reads(s) and socket_of_writes(s) return the descriptor of a socket that does not block, if the
///   stream's reads or writes are those of the socket from now on, else a negative number. Streams that have
///   the second have wait_for_room() as well.
template <class Stream>
struct relay_access {};

/// Streams of others have members for it, which layer.hpp lists.
template <class Stream>
requires requires(Stream& s, bytes into, error_code& ec, transfer_step done) {
  s.read_now(into, ec);
  s.async_wait_for_bytes(std::move(done));
}
struct relay_access<Stream> {
  static std::size_t read_now(Stream& s, bytes into, error_code& ec) { return s.read_now(into, ec); }
  static void wait_for_bytes(Stream& s, transfer_step done) { s.async_wait_for_bytes(std::move(done)); }
  template <class Sink>
  static void flow(Stream& s, Sink& to, transfer_step done) requires requires {
    s.async_flow(to, std::move(done));
  }
  { s.async_flow(to, std::move(done)); }
  static int socket_of_reads(Stream& s) noexcept requires requires { s.socket_of_reads(); }
  { return s.socket_of_reads(); }
  static int socket_of_writes(Stream& s) noexcept requires requires { s.socket_of_writes(); }
  { return s.socket_of_writes(); }
  static void wait_for_room(Stream& s, transfer_step done) requires requires {
    s.async_wait_for_room(std::move(done));
  }
  { s.async_wait_for_room(std::move(done)); }
};

template <class Stream, class Access = relay_access<Stream>>
requires requires(Stream& s, transfer_step done) { Access::wait_for_bytes(s, std::move(done)); }
std::size_t read_now(Stream& s, bytes into, error_code& ec) { return Access::read_now(s, into, ec); }
template <class Stream, class Access = relay_access<Stream>>
requires requires(Stream& s, transfer_step done) { Access::wait_for_bytes(s, std::move(done)); }
void wait_for_bytes(Stream& s, transfer_step done) { Access::wait_for_bytes(s, std::move(done)); }

template <plain_socket Socket>
int socket_of_reads(Socket& s) noexcept {
  return non_blocking_descriptor(s);
}
template <plain_socket Socket>
int socket_of_writes(Socket& s) noexcept {
  return non_blocking_descriptor(s);
}
template <class Stream, class Access = relay_access<Stream>>
requires requires(Stream& s) { Access::socket_of_reads(s); }
int socket_of_reads(Stream& s) noexcept { return Access::socket_of_reads(s); }
template <class Stream, class Access = relay_access<Stream>>
requires requires(Stream& s) { Access::socket_of_writes(s); }
int socket_of_writes(Stream& s) noexcept { return Access::socket_of_writes(s); }

/// A read of it needs no memory while it waits.
template <class Stream>
concept reads_when_ready = requires(Stream& s, transfer_step done, bytes into, error_code& ec) {
  read_now(s, into, ec);
  wait_for_bytes(s, std::move(done));
};

template <class Stream, class Handler>
void take(Stream& s, relay_buffer& to, Handler&& handler) {
  if constexpr (requires { relay_access<Stream>::take(s, to, std::forward<Handler>(handler)); })
    relay_access<Stream>::take(s, to, std::forward<Handler>(handler));
  else
    s.async_read_some(to.room(), std::forward<Handler>(handler));
}

template <class Stream, class Handler>
void give(Stream& s, relay_buffer& from, Handler&& handler) {
  if constexpr (requires { relay_access<Stream>::give(s, from, std::forward<Handler>(handler)); })
    relay_access<Stream>::give(s, from, std::forward<Handler>(handler));
  else
    s.async_write_some(from.bytes(), std::forward<Handler>(handler));
}

}  // namespace muxpro::detail
