// http2_options: limits and time-outs of an HTTP/2 connection. Ring 4.
#pragma once

#include <muxpro/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

struct http2_options {
  http2_options() = default;

  /// Bytes that the peer may send on a stream before they are read: 16 MB/s over a path of 60 ms.
  std::uint32_t stream_window = 1 << 20;
  /// The same for all streams together, beside what most_unread allows.
  std::uint32_t connection_window = 4 << 20;
  /// Unread bytes of all streams. Beyond it the connection's window opens only as streams are read.
  std::size_t most_unread = 12 << 20;
  /// Streams of a client at the same time, as many as a session has sub-streams.
  std::uint32_t streams = 512;
  /// Of one frame of a body, in both directions. A peer of HTTP/2's default sends and gets 16 KiB.
  std::uint32_t frame_bytes = 64 * 1024;
  /// Of one head, as browsers send at most (nginx: 4 times 8 KiB).
  std::size_t head_bytes = 16 * 1024;
  /// From the beginning to the peer's settings, and on a server to the first request, absolute.
  duration handshake = std::chrono::seconds(10);
  /// A connection without streams ends then.
  duration idle = std::chrono::seconds(300);
  /// A peer that takes no byte for so long is gone (nginx send_timeout is 60 s, a session's 30 s).
  duration write_stall = std::chrono::seconds(30);
  /// Silence of the peer after which it gets a PING. 0 means no PING.
  duration ping_after{0};
  /// Its time for the answer (grpc-go's: 20 s).
  duration ping_answer = std::chrono::seconds(20);
  bool ping_without_streams = false;
};

}  // namespace muxpro::proxy
