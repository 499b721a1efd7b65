// session_options, every limit and time-out of a session with its default. Ring 0.
// Precedents for the numbers are named beside them. All are checked by validate().
#pragma once

#include <muxpro/buffer_budget.hpp>
#include <muxpro/frame.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro {

using duration = std::chrono::steady_clock::duration;
using time_point = std::chrono::steady_clock::time_point;

enum class role : std::uint8_t { client, server };

/// A token bucket that allows `burst` at once and `per_second` in the long run.
struct rate_limit {
  std::uint32_t burst = 0;
  double per_second = 0;

  friend bool operator==(const rate_limit&, const rate_limit&) = default;
};

/// How important a line of the log is for an operator.
enum class severity : std::uint8_t { debug, info, warning };

/// Takes one line, without its end.
using log_function = std::function<void(severity, std::string_view)>;

/// Gets all bytes that have come of a stream, until it returns the size of the head with which the stream
/// begins. Returns 0 if it needs more bytes, or if the head is invalid and it has set `ec`.
using head_reader = std::function<std::size_t(std::span<const std::byte> so_far, std::error_code& ec)>;

struct session_options {
  // --- protocol
  /// dialect::spec selects Mux.Pro, whose negotiation shows what the peer can read. dialect::mux_cool selects
  /// Mux.Cool.
  dialect speaks = dialect::spec;
  /// For a client of Mux.Cool, whether the session is for one UDP sub-stream, whose id is 0 (single XUDP). A
  /// session of either role ends with a sub-stream 0.
  bool single = false;
  /// In Mux.Cool, how long reading stops while a sub-stream has no room for what comes next. Then the
  /// sub-stream is ended with an error, unless it is the only one (meow-rs: 100 ms).
  duration full_queue_grace = std::chrono::milliseconds(100);

  // --- negotiation
  /// Versions that this side supports. A server picks the numerically highest that both support.
  std::vector<version> versions{version_0_1, version_0_0};
  /// From async_handshake to the agreed version, absolute (msquic, s2n-quic: 10 s).
  duration negotiate_timeout = std::chrono::seconds(10);

  // --- sub-streams
  /// Sub-streams, counted until the application lets go and both sides end, or one resets (rust-yamux: 512).
  std::uint32_t max_streams = 512;
  /// On a server, sub-streams that the peer has opened and that are not yet accepted. More are ended with
  /// code 4. The default equals max_streams, since a burst of News arrives faster than an application
  /// accepts.
  std::uint32_t accept_backlog = 512;
  /// A sub-stream without a frame in either direction for this time is ended with End(2) (v2ray connIdle: 300
  /// s).
  duration stream_idle = std::chrono::seconds(300);
  /// After one side's End, a sub-stream without a frame for this time is ended with End(2) (yamux
  /// StreamCloseTimeout: 5 min).
  duration half_close_linger = std::chrono::seconds(300);
  /// A sub-stream that waits for credit and has sent less than credit_stall_floor in this time is ended with
  /// End(2).
  duration credit_stall_timeout = std::chrono::seconds(300);
  std::uint32_t credit_stall_floor = 16 * 1024;
  /// How long an id that this side aborted waits for the peer's End before it is free again.
  duration id_quarantine = std::chrono::seconds(60);
  std::uint32_t max_quarantined = 4096;

  // --- windows and memory
  /// Auto-tuning enlarges a sub-stream's window from 64 KiB up to this. 65536 switches it off. 100 ms at
  /// 1 Gbit/s need 12 MiB.
  std::uint32_t max_window = 16 * 1024 * 1024;
  /// All that this session grants beyond 64 KiB per sub-stream.
  std::uint64_t session_window_budget = 32 * 1024 * 1024;
  /// Limits what all sessions that share it may buffer or promise. Null means the budget of the process,
  /// which is 25 % of the RAM and at most 512 MiB. A session that buffer_budget::crowded() names ends new
  /// sub-streams of its peer with code 4 and grants no more than 64 KiB at a time. At 95 % the largest
  /// session of the user with the most unread data is closed.
  std::shared_ptr<buffer_budget> process_budget;
  /// Sessions of one user have one share of it. If it is empty, the session has a share of its own.
  std::string budget_user;
  /// One read of the main connection takes at most this many bytes.
  std::uint32_t read_buffer = 128 * 1024;
  /// One gather write holds at most this many payload bytes.
  std::uint32_t session_out_buffer = 256 * 1024;
  /// The least payload of a full frame while other sub-streams wait, too (rust-yamux splits at 16 KiB). It is
  /// more where their equal share of a gather write is, or what the main connection takes in 100 us, up to a
  /// quarter of a gather write.
  std::uint32_t frame_quantum = 16 * 1024;
  /// Datagrams kept for a UDP sub-stream in each direction. More are dropped and counted.
  std::uint32_t datagram_queue = 64;
  std::uint32_t datagram_queue_bytes = 64 * 1024;

  /// Bytes of the peer that are dropped and credited after sub_stream::close() or its destruction. Beyond
  /// that no credit is granted, and the peer's write ends by its own time limit.
  std::uint64_t discard_limit = 16 * 1024 * 1024;

  // --- the main connection
  /// Switches Nagle's algorithm off on a TCP socket that a session is given, also below TLS. With Nagle's
  /// algorithm a request and its answer take 40 ms longer. False leaves the socket unchanged.
  bool tcp_no_delay = true;

  /// Called with a line when the version is agreed and when the session ends (info, or warning with an
  /// error), and when a sub-stream is refused for want of resources, breaks a rule or exceeds a time limit
  /// (debug). The function must not use the session or its sub-streams, because the session is in the middle
  /// of its work then. Its exceptions are dropped.
  log_function log;

  // --- liveness
  /// A session without sub-streams and without a frame for this time is closed. KeepAlives of the peer keep
  /// it open for twelve such periods at most, an hour by default.
  duration session_idle = std::chrono::seconds(300);
  /// A KeepAlive is sent after this time, +-20 %, while sub-streams are open. 0 means never.
  duration keep_alive_interval = std::chrono::seconds(30);
  /// A begun frame must end within this time or make 4 KiB of progress in each such period.
  duration frame_read_timeout = std::chrono::seconds(30);
  /// The main connection must accept 4 KiB in each such period while bytes wait, or all of them.
  duration write_stall_timeout = std::chrono::seconds(30);

  /// How long session::async_close() waits until everything is sent and the peer has closed, too. Then the
  /// main connection is cut.
  duration close_timeout = std::chrono::seconds(10);

  /// Seed of the jitter and of the ids on KeepAlives. 0 means a different one in each session.
  std::uint64_t random_seed = 0;

  /// Bytes of the peer that were read from the stream already. They come before those of its reads.
  std::vector<std::byte> early;
  /// On a client, bytes that go to the peer in front of the first frame and in one write with it.
  std::vector<std::byte> head;
  /// On a client, reads the head with which the peer's bytes begin, which is no frame. Empty if there is no
  /// head.
  head_reader peers_head;

  // --- hostile peers
  /// Largest metadata accepted, 273 .. 512.
  std::uint32_t metadata_limit = max_metadata;
  /// Frames and bytes handled before other work of the executor gets its turn.
  std::uint32_t read_budget_frames = 8;
  std::uint32_t read_budget_bytes = 256 * 1024;
  /// Control frames that the peer provoked and that wait to be sent.
  std::uint32_t control_queue = 1000;
  /// Sub-streams aborted by the peer within a second of their New. A page of pictures that is scrolled
  /// cancels 45 requests a second.
  rate_limit premature_end{1000, 100};
  /// Ends with a code that the peer's frames forced on this side, and their number in all.
  rate_limit local_reset{100, 10};
  std::uint32_t local_reset_lifetime = 1000;
  /// Odd but harmless frames. Data beyond the credit weighs 10.
  rate_limit glitch{256, 10};
  rate_limit keep_alive_budget{100, 10};
  /// Keep frames without data on TCP sub-streams.
  rate_limit empty_frames{100, 10};
  /// Accepted CreditUpdates, this many and ten for each data frame sent.
  std::uint32_t credit_update_budget = 100;

  /// Returns an empty string if every value is valid, else one sentence that names the option and its bounds.
  std::string validate() const;
};

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/options.ipp>
#endif
