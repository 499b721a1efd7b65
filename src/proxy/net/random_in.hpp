// A number that need not be secret, between two. A thread draws its own.
#pragma once

#include "proxy/base/number_range.hpp"

#include <cstdint>
#include <random>

namespace muxpro::proxy {

inline std::uint32_t random_in(const number_range& r) {
  thread_local std::minstd_rand numbers{std::random_device()()};
  return std::uniform_int_distribution<std::uint32_t>(r.least, r.most)(numbers);
}

}  // namespace muxpro::proxy
