// The wall clock, by which peers date their messages. Ring 4, values.
#pragma once

#include <chrono>

namespace muxpro::proxy {

using unix_time = std::chrono::sys_seconds;

}  // namespace muxpro::proxy
