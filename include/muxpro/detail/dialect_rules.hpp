// dialect_rules: a table of the differences between the dialects. codec.hpp encodes and decodes them. Ring 1.
#pragma once

#include <muxpro/detail/recv_window.hpp>
#include <muxpro/frame.hpp>
#include <muxpro/options.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace muxpro::detail {

struct dialect_rules {
  bool codes_in_ends = true;  ///< an End that aborts may have an error code
  /// Whether End(0) ends one direction. Otherwise it ends both, and the peer's End answers it.
  bool half_closes = true;
  /// For each role, whether its End(0) waits for the peer's, because the peer would drop what it still has to
  /// send.
  std::array<bool, 2> holds_end{};
  /// Whether data need credit of the receiver. Otherwise the receiver's queue is the only limit, and reading
  /// from the main connection stops when it is full.
  bool credit = true;
  bool addresses_in_metadata = false;
  /// Whether frames that cross an End on the wire are normal. They arrive later as an End or a New without
  /// effect.
  bool strays_are_normal = false;
  std::uint32_t window = initial_window;  ///< bytes that the receiver of a sub-stream holds unread at first
  std::uint64_t send_credit = initial_window;   ///< that its sender has at first
  std::size_t longest_data = max_extra_data;    ///< of a frame of a stream
  std::size_t longest_datagram = max_datagram;  ///< that is sent
  std::uint32_t opens = 0xffffffff;             ///< sub-streams that a client opens, all in all
};

// V2Ray and Xray drop what they still have to send when they get an End, so that a client has to wait. They
// cut what they send into 8192 bytes, take no longer datagrams (with 666 bytes for what stands around them),
// and open 128 sub-streams over a main connection.
inline constexpr std::array<dialect_rules, 3> rules_of_dialects{
    dialect_rules{},
    dialect_rules{.codes_in_ends = false, .holds_end = {true, true}},
    dialect_rules{.half_closes = false,
                  .holds_end = {true, false},
                  .credit = false,
                  .addresses_in_metadata = true,
                  .strays_are_normal = true,
                  .window = 256 * 1024,
                  .send_credit = std::uint64_t{1} << 62,
                  .longest_data = 8192,
                  .longest_datagram = 8192 - 666,
                  .opens = 128},
};
static_assert(static_cast<int>(role::client) == 0, "holds_end is indexed by role");

inline const dialect_rules& rules_of(dialect d) noexcept {
  return rules_of_dialects[static_cast<std::size_t>(d)];
}

}  // namespace muxpro::detail
