// Memory that runs out by chance: operator new of this program fails while a window of shortage is open.
#pragma once

#include <cstdint>
#include <utility>

namespace simulation::memory {

/// From now on one allocation in `one_in` of at least `least` bytes fails, 0: none.
void scarce(std::uint64_t seed, std::uint64_t one_in, std::uint64_t least) noexcept;
std::uint64_t failures() noexcept;
/// Whether this allocation is one of them.
bool fails(std::size_t n) noexcept;

extern thread_local bool armed;

/// Allocations fail in the library's own loops alone: what runs for the test is exempt.
class exempt {
 public:
  exempt() noexcept : before_(std::exchange(armed, false)) {}
  ~exempt() { armed = before_; }
  exempt(const exempt&) = delete;
  exempt& operator=(const exempt&) = delete;

 private:
  bool before_;
};

class arm {
 public:
  arm() noexcept { armed = true; }
  ~arm() { armed = false; }
  arm(const arm&) = delete;
  arm& operator=(const arm&) = delete;
};

}  // namespace simulation::memory
