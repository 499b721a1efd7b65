#include "memory.hpp"

#include "dice.hpp"

#include <cstdlib>
#include <new>

namespace simulation::memory {

thread_local bool armed = false;

namespace {
thread_local dice random(0);
thread_local std::uint64_t one_in = 0, least = 0, failed = 0;

bool fails(std::size_t n) noexcept {
  if (!armed || one_in == 0 || n < least || random.below(one_in) != 0) return false;
  ++failed;
  return true;
}
}  // namespace

void scarce(std::uint64_t seed, std::uint64_t chance, std::uint64_t smallest) noexcept {
  random = dice(seed);
  one_in = chance;
  least = smallest;
  failed = 0;
}
std::uint64_t failures() noexcept { return failed; }

}  // namespace simulation::memory

// The other forms of new and delete call these by default.
void* operator new(std::size_t n) {
  void* const p = simulation::memory::fails(n) ? nullptr : std::malloc(n == 0 ? 1 : n);
  if (!p) throw std::bad_alloc();
  return p;
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
