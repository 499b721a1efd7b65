// The wall clock, which protocols compare with what a peer has dated. Limits of time use the steady clock.
// Ring 4.
#pragma once

#include "proxy/base/unix_time.hpp"

#include <chrono>

namespace muxpro::proxy {

inline unix_time wall_clock() {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace muxpro::proxy
