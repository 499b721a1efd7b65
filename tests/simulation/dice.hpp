// Chance that is the same on every machine: each part of a world throws dice of its own.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace simulation {

using muxpro::duration;

class dice {
 public:
  explicit dice(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) noexcept { return n == 0 ? 0 : next() % n; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept {
    return least + below(most - least + 1);
  }
  bool chance(unsigned percent) noexcept { return below(100) < percent; }
  /// Every order of magnitude is as likely as any other.
  std::uint64_t size(std::uint64_t least, std::uint64_t most) noexcept {
    const auto bits = static_cast<int>(
        between(static_cast<unsigned>(std::bit_width(least)), static_cast<unsigned>(std::bit_width(most))));
    const std::uint64_t limit = bits == 0 ? 0 : (~std::uint64_t{0} >> (64 - bits));
    return std::clamp(between(limit / 2, limit), least, most);
  }
  template <class Least, class Most>
  duration time(Least least, Most most) noexcept {
    const auto a = std::chrono::duration_cast<duration>(least).count();
    const auto b = std::chrono::duration_cast<duration>(most).count();
    return duration(
        static_cast<duration::rep>(between(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b))));
  }
  dice fork() noexcept { return dice(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace simulation
