// Limits of a client pool. Ring 0.
#pragma once

#include <muxpro/options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <system_error>

namespace muxpro {

/// What has happened to a pool.
struct pool_event {
  enum class kind {
    connected,    ///< a main connection is negotiated and takes sub-streams
    dial_failed,  ///< `why`
    lost,         ///< a main connection ended by the peer or by an error: `why`
    retired,      ///< a main connection that was drained for age, use, idleness or refusals is closed
    room,         ///< an open would be served at once again, after one had found all of max_connections full
  };

  kind what = kind::connected;
  std::uint64_t connection = 0;  ///< pool_connection::id, 0 for room
  std::error_code why;
};

struct client_pool_options {
  /// Sub-streams of one main connection at a time, counted until the application has let go of them
  /// (Mux.Cool: 8). session.max_streams is raised to this limit. The server's limit applies, too.
  std::uint32_t max_concurrency = 8;
  /// Sub-streams over the life of one main connection, which is replaced while it still has ids to spare.
  std::uint32_t max_reuse = 60'000;
  /// The same by time, less up to a tenth, so that connections of one moment are not replaced in one moment.
  duration max_age = std::chrono::hours(1);
  /// Main connections, dials included. Retired ones that only wait for their last sub-stream are not counted.
  std::uint32_t max_connections = 256;
  /// Opens that wait for a place.
  std::uint32_t max_waiting = 4096;
  /// A connection without sub-streams is closed after this time. That is before the server closes it (300 s),
  /// so that no open meets a connection that is just closing, and before most NATs forget it (2 min).
  duration idle_timeout = std::chrono::seconds(60);
  /// From the dial to the end of the negotiation (Envoy's connect_timeout: 15 s).
  duration dial_timeout = std::chrono::seconds(10);
  /// After the n-th failure in a row the next dial waits for backoff_min * 2^(n-1), plus up to as much
  /// again by chance, but never longer than backoff_max.
  duration backoff_min = std::chrono::milliseconds(100);
  duration backoff_max = std::chrono::seconds(30);
  /// Least time between the beginnings of two dials. If 0, simultaneous opens dial at once, up to
  /// max_connections.
  duration dial_spacing{0};
  /// Of each main connection, unless the dialer makes the sessions itself.
  /// session.random_seed seeds the pool's jitter, too, and session.log gets a line for each pool_event.
  session_options session;
  /// Called for each event by a handler of its own on the pool's executor, never inside a call to the pool.
  /// An exception that it throws leaves the context's run(). Not called after close().
  std::function<void(const pool_event&)> on_event;

  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;
};

}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/client_pool_options.ipp>
#endif
