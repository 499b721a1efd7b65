// What became of a dial, in the few words that inbound protocols have for it. Ring 4, a rule: no I/O.
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
  wrong_family,  ///< IPv6 where there is none, or the reverse
  failed,
};

/// Knows muxpro's own codes, those of the system and Asio's for names. "No such name" is host_unreachable;
/// what it does not know has failed.
dial_outcome outcome_of(const std::error_code& ec) noexcept;

/// What ends a sub-stream whose target could not be had: the code itself, if `why` is one already.
end_code end_code_of(const std::error_code& why) noexcept;

}  // namespace muxpro::proxy
