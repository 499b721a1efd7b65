// dial_outcome, the result of a dial as inbound protocols can report it. Ring 4, a rule without I/O.
#pragma once

#include <muxpro/error.hpp>

#include <cstdint>
#include <system_error>

namespace muxpro::proxy {

enum class dial_outcome : std::uint8_t {
  connected,
  rejected,  ///< by a rule, here or on the way
  refused,   ///< by the target
  host_unreachable,
  network_unreachable,
  timed_out,
  wrong_family,  ///< an IPv6 target without IPv6, or the reverse
  failed,
};

/// For codes of muxpro, of the system and of Asio's resolver. "No such name" is host_unreachable. Other codes
/// are `failed`.
dial_outcome outcome_of(const std::error_code& ec) noexcept;

/// Returns the code that ends a sub-stream whose target was not reached. That is `why` itself if it is such a
/// code.
end_code end_code_of(const std::error_code& why) noexcept;

}  // namespace muxpro::proxy
