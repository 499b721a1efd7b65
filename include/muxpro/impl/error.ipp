#pragma once

#include <muxpro/error.hpp>

#include <fmt/format.h>

#include <string>

namespace muxpro {
namespace detail {

MUXPRO_DECL const char* describe(errc e) noexcept {
  switch (e) {
    case errc::session_closed: return "the session is closed";
    case errc::connection_lost: return "the main connection was lost";
    case errc::not_muxpro: return "the peer does not speak Mux.Pro";
    case errc::no_common_version: return "no common Mux.Pro version";
    case errc::negotiate_timeout: return "the version negotiation took too long";
    case errc::bad_metadata_length: return "bad metadata length";
    case errc::bad_length: return "a length in a frame is wrong";
    case errc::unknown_state: return "unknown frame state";
    case errc::reserved_id: return "reserved sub-stream id";
    case errc::bad_options: return "wrong option bits in a frame";
    case errc::unexpected_frame: return "a frame that must not come now";
    case errc::duplicate_id: return "a sub-stream id was opened twice";
    case errc::stalled: return "the main connection made no progress";
    case errc::idle_timeout: return "the session was idle for too long";
    case errc::too_many_streams: return "too many sub-streams";
    case errc::draining: return "the session is draining";
    case errc::stream_reset: return "the sub-stream was reset by this side";
    case errc::stream_timeout: return "the sub-stream was idle or stalled for too long";
    case errc::stream_violation: return "the peer broke a rule of the sub-stream";
    case errc::operation_in_progress: return "such an operation is already pending";
    case errc::already_shut_down: return "the sub-stream is shut down for writing";
    case errc::wrong_network: return "the operation does not fit the network of the sub-stream";
    case errc::datagram_too_large: return "the datagram is too large";
    case errc::bad_host: return "the host name cannot be sent";
    case errc::bad_option: return "an option has an invalid value";
    case errc::pool_exhausted: return "the client pool has no connection to give";
    case errc::memory_pressure: return "the process holds too much unread data, most of it for this session";
    case errc::no_memory: return "out of memory";
    case errc::too_many_premature_ends:
      return "the peer aborted too many sub-streams within a second of their New (premature_end)";
    case errc::too_many_local_resets:
      return "too many frames of the peer made this side end a sub-stream (local_reset)";
    case errc::too_many_glitches: return "the peer sent too many invalid or unexpected frames (glitch)";
    case errc::too_many_keep_alives: return "the peer sent too many KeepAlive frames (keep_alive_budget)";
    case errc::too_many_empty_frames: return "the peer sent too many empty data frames (empty_frames)";
    case errc::too_many_credit_updates:
      return "the peer sent too many CreditUpdate frames (credit_update_budget)";
    case errc::too_many_unread_answers:
      return "the peer does not read the answers to its frames (control_queue)";
    case errc::bad_handle: return "the handle is empty or was moved from";
    case errc::not_running: return "async_run() was not called on the session";
    case errc::wrong_role: return "only a client opens and only a server accepts sub-streams";
    case errc::target_rejected: return "the destination was rejected";
    case errc::target_unreachable: return "the destination is unreachable";
    case errc::target_timeout: return "the destination did not answer in time";
    case errc::out_of_room: return "a limit of this side leaves no room";
    case errc::bad_answer: return "the server's answer breaks its protocol";
    case errc::close_timeout: return "the session could not be closed in good order in time";
    case errc::dial_failed: return "the dialer of the pool failed";
  }
  return "unknown muxpro error";
}

MUXPRO_DECL const char* describe(end_code c) noexcept {
  switch (c) {
    case end_code::graceful: return "the peer ended the sub-stream";
    case end_code::remote_disconnect: return "the peer reports that the remote side disconnected";
    case end_code::timeout: return "the peer reports a time-out";
    case end_code::protocol_error: return "the peer reports a protocol error";
    case end_code::resources: return "the peer reports that it is short of resources";
    case end_code::unreachable: return "the peer reports that the destination is unreachable";
    case end_code::rejected: return "the peer reports that the destination was rejected";
  }
  return nullptr;
}

MUXPRO_DECL std::errc portable(errc e) noexcept {
  switch (e) {
    case errc::session_closed:
    case errc::stream_reset: return std::errc::operation_canceled;
    case errc::connection_lost: return std::errc::connection_reset;
    case errc::no_common_version: return std::errc::protocol_not_supported;
    case errc::negotiate_timeout:
    case errc::stalled:
    case errc::idle_timeout:
    case errc::stream_timeout:
    case errc::target_timeout:
    case errc::close_timeout: return std::errc::timed_out;
    case errc::not_muxpro:
    case errc::bad_metadata_length:
    case errc::bad_length:
    case errc::unknown_state:
    case errc::reserved_id:
    case errc::bad_options:
    case errc::unexpected_frame:
    case errc::duplicate_id:
    case errc::stream_violation:
    case errc::too_many_premature_ends:
    case errc::too_many_local_resets:
    case errc::too_many_glitches:
    case errc::too_many_keep_alives:
    case errc::too_many_empty_frames:
    case errc::too_many_credit_updates:
    case errc::too_many_unread_answers:
    case errc::bad_answer: return std::errc::protocol_error;
    case errc::too_many_streams:
    case errc::draining:
    case errc::pool_exhausted:
    case errc::out_of_room: return std::errc::resource_unavailable_try_again;
    case errc::operation_in_progress: return std::errc::operation_in_progress;
    case errc::already_shut_down: return std::errc::broken_pipe;
    case errc::wrong_network:
    case errc::wrong_role: return std::errc::operation_not_supported;
    case errc::datagram_too_large: return std::errc::message_size;
    case errc::bad_host:
    case errc::bad_option: return std::errc::invalid_argument;
    case errc::memory_pressure:
    case errc::no_memory: return std::errc::not_enough_memory;
    case errc::bad_handle: return std::errc::bad_file_descriptor;
    case errc::not_running: return std::errc::not_connected;
    case errc::target_rejected: return std::errc::permission_denied;
    case errc::target_unreachable: return std::errc::host_unreachable;
    case errc::dial_failed: return std::errc::io_error;
  }
  return std::errc();
}

MUXPRO_DECL std::errc portable(end_code c) noexcept {
  switch (c) {
    case end_code::graceful: return std::errc();
    case end_code::remote_disconnect: return std::errc::connection_reset;
    case end_code::timeout: return std::errc::timed_out;
    case end_code::protocol_error: return std::errc::protocol_error;
    case end_code::resources: return std::errc::resource_unavailable_try_again;
    case end_code::unreachable: return std::errc::host_unreachable;
    case end_code::rejected: return std::errc::permission_denied;
  }
  return std::errc::connection_reset;  // an unknown code is an abort
}

MUXPRO_DECL bool belongs_to(errc e, condition c) noexcept {
  switch (e) {
    case errc::too_many_premature_ends:
    case errc::too_many_local_resets:
    case errc::too_many_glitches:
    case errc::too_many_keep_alives:
    case errc::too_many_empty_frames:
    case errc::too_many_credit_updates:
    case errc::too_many_unread_answers: return c == condition::budget_exceeded;
    case errc::bad_handle:
    case errc::not_running:
    case errc::wrong_role:
    case errc::wrong_network:
    case errc::operation_in_progress:
    case errc::already_shut_down:
    case errc::bad_option: return c == condition::misuse;
    default: return false;
  }
}

/// Returns the portable meaning of a code that has one, else the code itself as a condition.
inline std::error_condition portable_or_own(std::errc e, int value, const std::error_category& own) noexcept {
  return e == std::errc() ? std::error_condition(value, own) : std::make_error_condition(e);
}

class muxpro_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro"; }
  std::string message(int value) const override { return describe(static_cast<errc>(value)); }
  std::error_condition default_error_condition(int value) const noexcept override {
    return portable_or_own(portable(static_cast<errc>(value)), value, *this);
  }
  bool equivalent(int value, const std::error_condition& c) const noexcept override {
    if (c.category() == condition_category())
      return belongs_to(static_cast<errc>(value), static_cast<condition>(c.value()));
    return std::error_category::equivalent(value, c);
  }
};

class muxpro_end_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro.end"; }
  std::string message(int value) const override {
    const char* known = describe(static_cast<end_code>(value));
    return known ? known : fmt::format("the peer ended the sub-stream with code {}", value);
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    return portable_or_own(portable(static_cast<end_code>(value)), value, *this);
  }
};

class muxpro_condition_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro.condition"; }
  std::string message(int value) const override {
    switch (static_cast<condition>(value)) {
      case condition::budget_exceeded: return "the peer used up a budget of the session";
      case condition::misuse: return "the library was used against its rules";
    }
    return "unknown muxpro condition";
  }
};

}  // namespace detail

MUXPRO_DECL const std::error_category& error_category() noexcept {
  static const detail::muxpro_category instance;
  return instance;
}

MUXPRO_DECL const std::error_category& end_category() noexcept {
  static const detail::muxpro_end_category instance;
  return instance;
}

MUXPRO_DECL const std::error_category& condition_category() noexcept {
  static const detail::muxpro_condition_category instance;
  return instance;
}

MUXPRO_DECL std::error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

MUXPRO_DECL std::error_code make_error_code(end_code c) noexcept {
  return {static_cast<int>(c), end_category()};
}

MUXPRO_DECL std::error_condition make_error_condition(condition c) noexcept {
  return {static_cast<int>(c), condition_category()};
}

}  // namespace muxpro
