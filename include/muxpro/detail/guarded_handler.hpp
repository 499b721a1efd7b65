// A completion handler that a guard goes with: the owner of the operation learns when the handler is called
// and when it has returned.
#pragma once

#include <utility>

namespace muxpro::detail {

/// A handler with a guard: `guard.begin()` is called before the handler, and the guard is destroyed behind
/// it.
template <class Guard, class Next>
struct guarded_handler {
  using allocator_type = typename Next::allocator_type;

  template <class... Init>
  explicit guarded_handler(Guard&& g, Init&&... init)
      : guard(std::move(g)), next(std::forward<Init>(init)...) {}
  allocator_type get_allocator() const noexcept { return next.get_allocator(); }
  void operator()() {
    guard.begin();
    next();
  }

  Guard guard;
  Next next;
};

}  // namespace muxpro::detail
