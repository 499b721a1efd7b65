// Included before everything else when mutants are built: which of them is on, by the environment.
#pragma once

#include <cstdlib>
#include <type_traits>

namespace muxpro {

/// The number in MUXPRO_MUTANT; 0: no mutant is on.
inline int mutant_that_is_on() noexcept {
  static const int number = [] {
    const char* const text = std::getenv("MUXPRO_MUTANT");
    return text ? std::atoi(text) : 0;
  }();
  return number;
}

constexpr bool mutant(int number) noexcept {
  if (std::is_constant_evaluated()) return false;
  return mutant_that_is_on() == number;
}

}  // namespace muxpro
