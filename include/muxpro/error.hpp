// Error codes. Category "muxpro" holds what this side detected or decided. Category "muxpro.end" holds the
// codes with which the peer ended a sub-stream. Both map to std::errc, so that portable code can compare with
// std::errc::timed_out, connection_reset and the like.
#pragma once

#include <muxpro/config.hpp>

#include <cstdint>
#include <system_error>

namespace muxpro {

enum class errc {
  /// The session was closed by this side.
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
  /// A frame state that the protocol does not define.
  unknown_state,
  /// Id 0 in a frame that needs a sub-stream, or another id in a negotiation.
  reserved_id,
  /// Option bits that this frame must not have, or lacks.
  bad_options,
  /// A frame that must not come now or from this role.
  unexpected_frame,
  /// New for an id that is still in use.
  duplicate_id,
  /// A frame or a write made no progress within its time limit.
  stalled,
  /// No sub-stream and no frame for session_options::session_idle, or KeepAlives alone for twelve times as
  /// long.
  idle_timeout,
  /// session_options::max_streams sub-streams are in use, or all ids are.
  too_many_streams,
  /// The session is draining and opens no sub-stream.
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
  /// A host name cannot be sent, because it is empty, longer than 255 bytes or has bytes that no name may
  /// have.
  bad_host,
  /// An option is outside its range. session_options::validate() names it.
  bad_option,
  /// The pool was closed, or its connection limits leave no room.
  pool_exhausted,
  /// The sessions of the process held too much unread data, and this one the most, see
  /// session_options::process_budget.
  memory_pressure,
  /// Memory ran out.
  no_memory,

  // --- The peer used up a budget of session_options, and the session was closed. All of them equal
  // condition::budget_exceeded.
  /// Budget session_options::premature_end, for sub-streams aborted within a second of their New.
  too_many_premature_ends,
  /// Budgets session_options::local_reset and local_reset_lifetime, for frames that made this side end a
  /// sub-stream.
  too_many_local_resets,
  /// Budget session_options::glitch, for odd but harmless frames, and data beyond the credit.
  too_many_glitches,
  /// session_options::keep_alive_budget.
  too_many_keep_alives,
  /// session_options::empty_frames.
  too_many_empty_frames,
  /// session_options::credit_update_budget.
  too_many_credit_updates,
  /// Budget session_options::control_queue, for answers that the peer provoked and does not read.
  too_many_unread_answers,

  // --- Misuse of the library by its caller. All of them equal condition::misuse.
  /// An operation on a handle that is empty or was moved from.
  bad_handle,
  /// An operation on a session for which async_run() was not called within
  /// session_options::negotiate_timeout.
  not_running,
  /// async_open() on a server's session, or async_accept() on a client's.
  wrong_role,

  // --- What this side decided about a target, before or instead of a peer.
  /// A rule of this side does not allow the target.
  target_rejected,
  /// This side could not connect to the target.
  target_unreachable,
  /// The target did not answer this side in time.
  target_timeout,
  /// A limit of this side leaves no room for this.
  out_of_room,
  /// A server that is not Mux.Pro's (SOCKS, DNS) answered against its protocol.
  bad_answer,

  /// session::async_close() was not over within session_options::close_timeout. The main connection was cut.
  close_timeout,
  /// The dialer of a client pool threw an exception without an error code. client_pool_stats::last_failure
  /// has its text.
  dial_failed,
};

/// Codes of the End frame. Unknown codes are kept as numbers and are aborts.
enum class end_code : std::uint16_t {
  graceful = 0,
  remote_disconnect = 1,
  timeout = 2,
  protocol_error = 3,
  resources = 4,
  unreachable = 5,
  rejected = 6,
};

/// Groups of errc, for comparison: `if (ec == muxpro::condition::misuse) ...`.
enum class condition {
  /// The peer used up one of the budgets of session_options.
  budget_exceeded = 1,
  /// The caller used the library against its rules, for example bad_handle, not_running, wrong_role,
  /// wrong_network, operation_in_progress, already_shut_down, bad_option.
  misuse,
};

/// The category "muxpro".
const std::error_category& error_category() noexcept;
/// Returns the category "muxpro.end", whose values are those of end_code.
const std::error_category& end_category() noexcept;
/// The category "muxpro.condition".
const std::error_category& condition_category() noexcept;

std::error_code make_error_code(errc e) noexcept;
std::error_code make_error_code(end_code c) noexcept;
std::error_condition make_error_condition(condition c) noexcept;

}  // namespace muxpro

template <>
struct std::is_error_code_enum<muxpro::errc> : std::true_type {};
template <>
struct std::is_error_code_enum<muxpro::end_code> : std::true_type {};
template <>
struct std::is_error_condition_enum<muxpro::condition> : std::true_type {};

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/error.ipp>
#endif
