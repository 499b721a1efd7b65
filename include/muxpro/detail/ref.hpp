// ref, shared ownership on one strand. The count is in the object and not atomic. The memory comes from the
// recycled blocks.
#pragma once

#include <muxpro/detail/recycled.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace muxpro::detail {

template <class T>
class ref;

/// Base of a final class whose objects are made by make_ref() alone.
class ref_counted {
 public:
  ref_counted(const ref_counted&) = delete;
  ref_counted& operator=(const ref_counted&) = delete;

  static void* operator new(std::size_t size) { return recycled_memory::allocate(size); }
  static void operator delete(void* memory, std::size_t size) noexcept {
    recycled_memory::deallocate(memory, size);
  }

 protected:
  ref_counted() noexcept = default;
  ~ref_counted() = default;

 private:
  template <class>
  friend class ref;
  std::uint32_t references_ = 0;
};

template <class T>
class ref {
 public:
  ref() noexcept = default;
  /// One more owner of an object that has one, or has just been made.
  explicit ref(T& object) noexcept : object_(&object) { ++count(); }
  ref(const ref& other) noexcept : object_(other.object_) {
    if (object_) ++count();
  }
  ref(ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  ref& operator=(ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~ref() {
    if (object_ && --count() == 0) delete object_;
  }

  /// detach() and adopt() do not change the count. The caller of detach() owns the reference.
  T* detach() noexcept { return std::exchange(object_, nullptr); }
  static ref adopt(T* object) noexcept {
    ref r;
    r.object_ = object;
    return r;
  }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  std::uint32_t& count() const noexcept { return static_cast<ref_counted&>(*object_).references_; }

  T* object_ = nullptr;
};

template <class T, class... Args>
ref<T> make_ref(Args&&... args) {
  return ref<T>(*new T(std::forward<Args>(args)...));
}

}  // namespace muxpro::detail
