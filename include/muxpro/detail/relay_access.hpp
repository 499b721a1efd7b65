// What async_relay() does with the library's own streams beside reads and writes.
#pragma once

#include <muxpro/detail/relay_buffer.hpp>

#include <utility>

namespace muxpro::detail {

/// Specialized for the streams of the library. Its functions are optional:
/// - `take(s, buffer, handler)`, as async_read_some() into `buffer.room()`. The memory of a writer, with the
/// bytes in
///   it, may be exchanged for that of `buffer`.
/// - `give(s, buffer, handler)`, as async_write_some() of `buffer.bytes()`. Many bytes are not copied, but
/// wait until
///   a reader takes them.
/// - `flow(s, sink, handler)`, as async_read_some(). Bytes go to `sink` as they arrive. It completes when the
/// sink is
///   full or the stream has ended, and its count has no meaning.
/// - `write_now(s, buffers, ec)` returns how many of the first bytes the stream has taken. It does not wait.
/// - `wait_for_room(s, handler)` completes with 0 when write_now() may take more. Its errors are those of
///   async_write_some().
template <class Stream>
struct relay_access {};

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
