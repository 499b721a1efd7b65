// Apart from memory.cpp, so that the bench, which has the link too, keeps the memory of the system.
#include "memory.hpp"

#include <cstdlib>
#include <new>

// The other forms of new and delete call these by default.
void* operator new(std::size_t n) {
  void* const p = simulation::memory::fails(n) ? nullptr : std::malloc(n == 0 ? 1 : n);
  if (!p) throw std::bad_alloc();
  return p;
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
