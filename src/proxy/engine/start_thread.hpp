// Starts a thread, or fails with one sentence. Ring 4.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace muxpro::proxy {

/// Throws std::runtime_error if the system has no thread left.
template <class Work>
std::thread start_thread(Work work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& e) {
    throw std::runtime_error(fmt::format("cannot start a thread: {}", e.code().message()));
  }
}

}  // namespace muxpro::proxy
