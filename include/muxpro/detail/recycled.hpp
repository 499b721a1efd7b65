// recycled_memory, the memory of operations, of which there are many in a few sizes. Each thread keeps what
// was freed on it.
#pragma once

#include <asio/associated_allocator.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace muxpro::detail {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool recycles_memory = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool recycles_memory = false;
#else
inline constexpr bool recycles_memory = true;
#endif
#else
inline constexpr bool recycles_memory = true;
#endif

/// Keeps at most `most_kept` bytes of each size up to `largest`, in steps of malloc's. malloc has the rest.
/// With sanitizers, every block comes from malloc.
class recycled_memory {
 public:
  static void* allocate(std::size_t size) {
    if (!usual(size)) return ::operator new(size);
    list& l = of_this_thread().lists[size_class(size)];
    if (!l.first) return ::operator new(rounded(size));
    ++l.room;
    block* const b = l.first;
    l.first = b->next;
    return b;
  }
  static void deallocate(void* memory, std::size_t size) noexcept {
    if (!usual(size)) return ::operator delete(memory);
    of_this_thread().lists[size_class(size)].take(memory);
  }
  /// The same for a size that is known at compile time.
  template <std::size_t Size>
  static void deallocate(void* memory) noexcept {
    if constexpr (usual(Size))
      of_this_thread().lists[size_class(Size)].take(memory);
    else
      ::operator delete(memory);
  }

 private:
  static constexpr std::size_t step = 16, largest = 504, most_kept = 32 * 1024;
  struct block {
    block* next;
  };
  struct list {
    void take(void* memory) noexcept {
      if (room == 0) [[unlikely]] {
        if (!begin_to_keep()) return ::operator delete(memory);
      }
      --room;
      first = ::new (memory) block{first};
    }
    block* first = nullptr;
    std::size_t room = 0;  ///< for further blocks, 0 before the first one and after the thread's end
  };
  struct kept {
    std::array<list, largest / step + 1> lists{};
    bool begun = false;
  };
  struct end_of_thread {
    ~end_of_thread() {
      for (list& l : of_this_thread().lists) {
        l.room = 0;
        while (block* const b = l.first) {
          l.first = b->next;
          ::operator delete(b);
        }
      }
    }
  };

  // The object has no destructor, so that an access need not check whether it was constructed.
  static kept& of_this_thread() noexcept {
    static constinit thread_local kept k;
    return k;
  }
  /// False if this thread keeps blocks already, or is about to end.
  static bool begin_to_keep() noexcept {
    kept& k = of_this_thread();
    if (std::exchange(k.begun, true)) return false;
    static thread_local end_of_thread end;
    for (std::size_t c = 0; c < k.lists.size(); ++c) k.lists[c].room = most_kept / ((c + 1) * step);
    return true;
  }
  static constexpr bool usual(std::size_t size) noexcept {
    return recycles_memory && size != 0 && size <= largest;
  }
  // What glibc's malloc gives is a multiple of 16 and 8 more.
  static constexpr std::size_t size_class(std::size_t size) noexcept { return (size + step / 2 - 1) / step; }
  static constexpr std::size_t rounded(std::size_t size) noexcept {
    return size_class(size) * step + step / 2;
  }
};

template <class T>
struct recycled_allocator {
  using value_type = T;

  recycled_allocator() noexcept = default;
  template <class U>
  recycled_allocator(const recycled_allocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)

  T* allocate(std::size_t n) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(recycled_memory::allocate(n * sizeof(T)));
  }
  void deallocate(T* p, std::size_t n) noexcept {
    if (n == 1)
      recycled_memory::deallocate<sizeof(T)>(p);
    else
      recycled_memory::deallocate(p, n * sizeof(T));
  }
  template <class U>
  bool operator==(const recycled_allocator<U>&) const noexcept {
    return true;
  }
};

template <class Allocator>
struct is_standard : std::false_type {};
template <class T>
struct is_standard<std::allocator<T>> : std::true_type {};

template <class Allocator>
inline constexpr bool recycles = std::is_same_v<Allocator, recycled_allocator<std::byte>>;

/// The allocator of a handler that has one of its own, else the recycled one.
template <class Handler>
struct operation_memory {
  using own = asio::associated_allocator_t<Handler>;
  using type = std::conditional_t<is_standard<own>::value, recycled_allocator<std::byte>, own>;

  static type of(const Handler& handler) noexcept {
    if constexpr (is_standard<own>::value)
      return type();
    else
      return asio::get_associated_allocator(handler);
  }
};

}  // namespace muxpro::detail
