// The content that parties send: the bytes of each tag, at any place, without making them.
#pragma once

#include <muxpro/codec.hpp>

#include "dice.hpp"

#include <cstdint>
#include <cstring>
#include <vector>

namespace simulation {

using muxpro::const_bytes;

inline constexpr std::size_t most_said_at_once = 256 * 1024;

/// The period is a prime, so that a shift by any buffer size shows.
inline const_bytes said_by(std::uint64_t tag, std::uint64_t from, std::size_t n) {
  constexpr std::size_t period = 65521;
  static const std::vector<std::byte> all = [] {
    dice random(1);
    std::vector<std::byte> out(period + most_said_at_once);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = i < period ? static_cast<std::byte>(random.next()) : out[i - period];
    return out;
  }();
  return const_bytes(all).subspan((tag * 7919 + from) % period, n);
}

inline bool is_said_by(std::uint64_t tag, std::uint64_t from, const_bytes in) {
  while (!in.empty()) {
    const auto part = in.first(std::min(in.size(), most_said_at_once));
    if (std::memcmp(part.data(), said_by(tag, from, part.size()).data(), part.size()) != 0) return false;
    from += part.size();
    in = in.subspan(part.size());
  }
  return true;
}

}  // namespace simulation
