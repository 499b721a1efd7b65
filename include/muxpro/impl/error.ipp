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
    case errc::budget_exceeded: return "the peer sent too many useless frames";
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
    case errc::bad_option: return "an option has a senseless value";
    case errc::pool_exhausted: return "the client pool has no connection to give";
    case errc::memory_pressure: return "the process holds too much unread data, most of it for this session";
    case errc::no_memory: return "out of memory";
  }
  return "unknown muxpro error";
}

MUXPRO_DECL const char* describe(end_code c) noexcept {
  switch (c) {
    case end_code::graceful: return "the peer ended the sub-stream";
    case end_code::remote_disconnect: return "the remote side disconnected";
    case end_code::timeout: return "the peer reports a time-out";
    case end_code::protocol_error: return "the peer reports a protocol error";
    case end_code::resources: return "the peer is short of resources";
    case end_code::unreachable: return "the destination is unreachable";
    case end_code::rejected: return "the destination was rejected";
  }
  return nullptr;
}

class muxpro_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro"; }
  std::string message(int value) const override { return describe(static_cast<errc>(value)); }
};

class muxpro_end_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro.end"; }
  std::string message(int value) const override {
    const char* known = describe(static_cast<end_code>(value));
    return known ? known : fmt::format("the peer ended the sub-stream with code {}", value);
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

MUXPRO_DECL std::error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

MUXPRO_DECL std::error_code make_error_code(end_code c) noexcept {
  return {static_cast<int>(c), end_category()};
}

}  // namespace muxpro
