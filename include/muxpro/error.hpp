// Errors are numbers with an owner. Category "muxpro" says why this side failed;
// category "muxpro.end" says why the peer ended a sub-stream.
#pragma once

#include <muxpro/config.hpp>

#include <cstdint>
#include <system_error>

namespace muxpro {

enum class errc {
  /// The session was closed by this side, or was never run.
  session_closed = 1,
  /// The main connection ended inside a frame or with sub-streams open.
  connection_lost,
  /// The peer answered the version negotiation with something else.
  not_muxpro,
  /// The two sides have no protocol version in common.
  no_common_version,
  /// The version negotiation did not end within session_options::negotiate_timeout.
  negotiate_timeout,
  /// A metadata length below 4 or above session_options::max_metadata.
  bad_metadata_length,
  /// A field runs past the metadata, or a length contradicts its count.
  bad_length,
  /// A frame state that the protocol does not know.
  unknown_state,
  /// Id 0 in a frame that needs a sub-stream, or another id in a negotiation.
  reserved_id,
  /// Option bits that this frame must not have, or lacks.
  bad_options,
  /// A frame that must not come now or from this role.
  unexpected_frame,
  /// New for an id that is still in use.
  duplicate_id,
  /// The peer used up a budget for odd, useless or refused frames.
  budget_exceeded,
  /// A frame or a write made no progress within its time limit.
  stalled,
  /// No frame and no sub-stream for session_options::session_idle.
  idle_timeout,
  /// session_options::max_streams sub-streams are in use, or all ids are.
  too_many_streams,
  /// The session is draining and opens nothing new.
  draining,
  /// The sub-stream was reset by this side.
  stream_reset,
  /// The sub-stream was idle or stalled longer than its time limit.
  stream_timeout,
  /// The peer broke a rule of this sub-stream, which was ended with code 3.
  stream_violation,
  /// A second read, write or shutdown while the first is pending.
  operation_in_progress,
  /// The write side of the sub-stream has been shut down.
  already_shut_down,
  /// A stream operation on a UDP sub-stream, or the reverse.
  wrong_network,
  /// A datagram that no frame can carry.
  datagram_too_large,
  /// A host name that cannot be sent: empty, longer than 255 bytes or with bytes that no name has.
  bad_host,
  /// An option has a value that makes no sense; session_options::validate() says which.
  bad_option,
  /// The pool was closed, or its connection limits leave no room.
  pool_exhausted,
  /// The sessions of the process held too much unread data, and this one the most: see
  /// session_options::process_budget.
  memory_pressure,
  /// Memory ran out.
  no_memory,
};

/// Codes of the End frame (protocol.md section 1). Unknown codes are kept as numbers and are aborts.
enum class end_code : std::uint16_t {
  graceful = 0,
  remote_disconnect = 1,
  timeout = 2,
  protocol_error = 3,
  resources = 4,
  unreachable = 5,
  rejected = 6,
};

/// The category "muxpro".
const std::error_category& error_category() noexcept;
/// The category "muxpro.end": values are those of end_code.
const std::error_category& end_category() noexcept;

std::error_code make_error_code(errc e) noexcept;
std::error_code make_error_code(end_code c) noexcept;

}  // namespace muxpro

template <>
struct std::is_error_code_enum<muxpro::errc> : std::true_type {};
template <>
struct std::is_error_code_enum<muxpro::end_code> : std::true_type {};

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/error.ipp>
#endif
