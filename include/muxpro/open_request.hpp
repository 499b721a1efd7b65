// open_request, the target and properties of a sub-stream that a client opens. Ring 0.
#pragma once

#include <muxpro/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace muxpro {

/// What async_open() asks for.
struct open_request {
  open_request() = default;
  open_request(destination d, std::uint8_t p = 0) : target(std::move(d)), priority(p) {}

  destination target;
  std::uint8_t priority = 0;          ///< 0 is served first, 255 last, in both directions
  std::vector<std::byte> first_data;  ///< sent in New, at most 65535 bytes (UDP: one datagram)
  std::optional<global_id> source;    ///< for UDP under 0.1, names the source for full cone NAT
  /// session::async_open() waits where it would end with errc::too_many_streams, until a sub-stream is let
  /// go. Opens that wait are served in the order of their coming. A client_pool waits for room in any case.
  bool wait_for_room = false;
};

}  // namespace muxpro
