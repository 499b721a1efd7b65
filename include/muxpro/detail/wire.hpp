// Numbers of the wire that reading and writing share. Ring 1.
#pragma once

#include <muxpro/config.hpp>

#include <cstdint>

namespace muxpro::detail {

// Option bits and states as they stand on the wire.
inline constexpr std::uint8_t option_data = 0x01;
inline constexpr std::uint8_t option_addressed = 0x02;
inline constexpr std::uint8_t option_error = 0x02;  // of an End of Mux.Cool
inline constexpr std::uint8_t prefix_mark = 0x02;
enum class wire_state : std::uint8_t { negotiate, open, keep, end, keep_alive, credit };

}  // namespace muxpro::detail
