// The memory of Asio's coroutines, in a program whose malloc() is jemalloc's.
#if defined(MUXPRO_JEMALLOC)
#include <cstddef>
#include <cstdlib>

// The alignment of a coroutine is one that all memory has, and malloc() is the short way to that.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  if (alignment <= alignof(std::max_align_t) && size >= alignment) return std::malloc(size);
  void* memory = nullptr;
  return ::posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}
#endif
