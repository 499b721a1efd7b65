// session_stats, stream_stats: counters of a session and of a sub-stream, as plain copyable values. Ring 0.
#pragma once

#include <muxpro/frame.hpp>
#include <muxpro/options.hpp>

#include <array>
#include <cstdint>
#include <map>

namespace muxpro {

struct traffic {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;  ///< of the frame types' payload, on a session's total of the wire
};

struct stream_stats {
  traffic sent;                             ///< data frames and their payload
  traffic received;                         ///< likewise
  std::uint64_t send_credit = 0;            ///< bytes this side may send now
  std::uint32_t receive_window = 0;         ///< what the peer may have under way at most
  std::uint64_t unread = 0;                 ///< bytes received that the application has not read
  std::uint64_t credit_stalls = 0;          ///< times a write had to wait for credit
  duration credit_stalled{};                ///< and how long in all
  std::uint64_t datagrams_dropped_in = 0;   ///< queue full, beyond the credit or badly prefixed
  std::uint64_t datagrams_dropped_out = 0;  ///< queue full or too long
};

struct session_counts {
  /// Frames by type (index: frame_type) and the payload they carried.
  std::array<traffic, frame_types> sent{};
  std::array<traffic, frame_types> received{};
  std::uint64_t wire_sent = 0;      ///< bytes handed to the main connection
  std::uint64_t wire_received = 0;  ///< bytes taken from it
  std::uint64_t writes = 0;         ///< gather writes
  std::uint64_t reads = 0;

  std::uint32_t streams = 0;          ///< open now
  std::uint64_t opened = 0;           ///< since the session began
  std::uint64_t refused = 0;          ///< News of the peer that were answered with an End
  std::uint64_t unread = 0;           ///< bytes received and not read, all sub-streams
  std::uint64_t receive_windows = 0;  ///< what the peer may have under way at most, all sub-streams
  std::uint32_t queued_streams = 0;   ///< sub-streams with data that may be sent now
  std::uint32_t queued_control = 0;   ///< control frames that wait to be sent
  std::uint64_t credit_stalls = 0;
  duration credit_stalled{};
  duration round_trip{};       ///< from a grant to the data it allowed, the shortest so far, 0 means unknown
  std::uint64_t glitches = 0;  ///< odd frames of the peer
};

struct session_stats : session_counts {
  std::map<end_code, std::uint64_t> ends_sent;
  std::map<end_code, std::uint64_t> ends_received;  ///< all codes above 6 as 7
};

}  // namespace muxpro
