// Limits of a relay, and what came of it. Ring 0.
#pragma once

#include <muxpro/config.hpp>
#include <muxpro/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace muxpro {

struct relay_bytes {
  std::uint64_t a_to_b = 0;  ///< that b has taken
  std::uint64_t b_to_a = 0;  ///< that a has taken
};

/// By convention a is the client's side. Every byte read or written in either direction restarts the time,
/// and so does a kernel's queue to a peer that gets shorter. While such a queue holds bytes only `idle` ends
/// the relay.
struct relay_limits {
  relay_limits() = default;

  /// Both directions are open (v2ray connIdle: 300 s).
  duration idle = std::chrono::seconds(300);
  /// How long a may go on after b has sent EOF. A client seldom sends more to a server that has finished
  /// (v2ray: 1 to 2 s).
  duration uplink_only = std::chrono::seconds(2);
  /// How long b may go on after a has sent EOF. A client that half-closes waits for the answer to a complete
  /// request, which may be slow (nginx proxy_read_timeout: 60 s). The 1 to 5 s of v2ray cut slow answers off.
  duration downlink_only = std::chrono::seconds(60);
  /// How long the remaining side may take to end by itself, after one direction has failed on writing and the
  /// other one has delivered everything up to EOF. What it still sends is dropped.
  duration linger = std::chrono::seconds(2);
};

struct relay_options : relay_limits {
  relay_options() = default;

  /// One read takes at most this many bytes. A direction that moves little holds 2 KiB. What follows a read
  /// that has filled a buffer of 32 KiB or more goes through a pipe of the kernel instead, from socket to
  /// socket, on Linux and while the process ignores SIGPIPE. The pipe holds up to 256 KiB.
  std::size_t buffer = 128 * 1024;

  /// Bytes that were read of a side before the relay began. They go to the other one first, and count.
  std::vector<std::byte> early_of_a, early_of_b;
  /// early_of_b waits for the first bytes of b, or for its EOF, and goes with them in one write.
  bool early_of_b_waits = false;
  /// If it is set, b begins with a head, which does not go to a.
  head_reader head_of_b;

  /// Where the relay also counts its bytes while it runs. May be null.
  std::shared_ptr<relay_bytes> progress;

  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;
};

enum class relay_side : std::uint8_t { none, a, b };

struct relay_result : relay_bytes {
  /// The side whose read or write failed first. relay_side::none after no error, a limit, or cancellation.
  /// The other direction may have gone on to its EOF behind that failure.
  relay_side failed = relay_side::none;
};

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/relay_options.ipp>
#endif
