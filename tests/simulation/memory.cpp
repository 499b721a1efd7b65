#include "memory.hpp"

#include "dice.hpp"

namespace simulation::memory {

thread_local bool armed = false;

namespace {
thread_local dice random(0);
thread_local std::uint64_t one_in = 0, least = 0, failed = 0;
}  // namespace

bool fails(std::size_t n) noexcept {
  if (!armed || one_in == 0 || n < least || random.below(one_in) != 0) return false;
  ++failed;
  return true;
}

void scarce(std::uint64_t seed, std::uint64_t chance, std::uint64_t smallest) noexcept {
  random = dice(seed);
  one_in = chance;
  least = smallest;
  failed = 0;
}
std::uint64_t failures() noexcept { return failed; }

}  // namespace simulation::memory
