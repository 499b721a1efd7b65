// post_to(), dispatch_to(): call a completion handler on its executor and with its allocator. Asio 1.22 has
// no any_completion_handler, which would replace most of this file.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/recycled.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace muxpro::detail {

/// Does what asio::post() does with such an executor, with fewer templates for each type of function.
template <class Function>
void post_to(const asio::any_io_executor& executor, Function&& function) {
  asio::require(executor, asio::execution::blocking.never).execute(std::forward<Function>(function));
}

/// The same for asio::dispatch().
template <class Function>
void dispatch_to(const asio::any_io_executor& executor, Function&& function) {
  asio::prefer(executor, asio::execution::blocking.possibly).execute(std::forward<Function>(function));
}
template <class Executor, class Function>
void dispatch_to(const Executor& executor, Function&& function) {
  asio::dispatch(executor, std::forward<Function>(function));
}

/// The executor of most objects.
using io_executor = asio::io_context::executor_type;

/// Like asio::post(), but with one move of the function less. ASIO_NO_TS_EXECUTORS removes the member
/// function.
template <class Function>
void post_to(const io_executor& executor, Function&& function) {
  if constexpr (requires { executor.post(std::move(function), function.get_allocator()); })
    executor.post(std::move(function), function.get_allocator());
  else
    asio::post(executor, std::move(function));
}

/// any_executor::target() of Asio 1.22 does not look at the type.
inline const io_executor* as_io_executor(const asio::any_io_executor& e) noexcept {
  return e.target_type() == typeid(io_executor) ? e.target<io_executor>() : nullptr;
}

/// asio::get_associated_executor(), but without a copy if the handler returns a reference.
template <class Handler>
decltype(auto) own_executor(const Handler& handler, const asio::any_io_executor& object) {
  if constexpr (requires {
                  { handler.get_executor() } -> std::same_as<const asio::any_io_executor&>;
                })
    return handler.get_executor();
  else
    return asio::get_associated_executor(handler, object);
}

/// The executor of `object`, if it is that of an io_context and `own` is no other one. Else null.
template <class Own>
const io_executor* plain_executor(const Own& own, const asio::any_io_executor& object) {
  const auto* const plain = as_io_executor(object);
  if (!plain) return nullptr;
  if constexpr (std::is_same_v<Own, asio::any_io_executor>) {
    const auto* const wanted = as_io_executor(own);
    return wanted && *wanted == *plain ? plain : nullptr;
  } else if constexpr (std::is_same_v<Own, io_executor>) {
    return own == *plain ? plain : nullptr;
  } else {
    return nullptr;
  }
}

template <class Executor>
auto tracked(const Executor& executor) {
  return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}

/// A completion handler and its results, with their types erased.
class ready_call {
 public:
  ready_call(const ready_call&) = delete;
  ready_call& operator=(const ready_call&) = delete;

  /// Frees *this and calls the handler, here or on the handler's own executor.
  virtual void arrive() = 0;
  /// Frees both without a call.
  virtual void drop() noexcept = 0;

 protected:
  ready_call() noexcept = default;
  ~ready_call() = default;
};

/// Owns a call in the queue of an executor. What the queue allocates comes from `Allocator`.
template <class Allocator = recycled_allocator<std::byte>>
class posted_call {
 public:
  using allocator_type = Allocator;

  explicit posted_call(ready_call& call, const Allocator& allocator = Allocator()) noexcept
      : call_(&call), allocator_(allocator) {}
  posted_call(posted_call&& other) noexcept
      : call_(std::exchange(other.call_, nullptr)), allocator_(other.allocator_) {}
  posted_call& operator=(posted_call&&) = delete;
  ~posted_call() {
    if (call_) call_->drop();
  }

  allocator_type get_allocator() const noexcept { return allocator_; }
  void operator()() { std::exchange(call_, nullptr)->arrive(); }

 private:
  ready_call* call_;
  [[no_unique_address]] Allocator allocator_;
};

/// The way of a call whose object is not on an io_context, or whose handler has another executor. It posts to
/// the object's executor and dispatches to the handler's. It does not post to the handler's directly, because
/// asio::use_future names the system executor, whose threads would run the next step of a composed operation
/// beside the object's strand. Both contexts have outstanding work until then.
class far_route {
 public:
  explicit far_route(const asio::any_io_executor& object) : object_(tracked(object)) {}
  virtual ~far_route() = default;

  const asio::any_io_executor& object() const noexcept { return object_; }
  /// Dispatches to the handler's own executor. False if that is the object's.
  virtual bool go_on(ready_call&) { return false; }

  static void* operator new(std::size_t size) { return recycled_memory::allocate(size); }
  static void operator delete(void* memory, std::size_t size) noexcept {
    recycled_memory::deallocate(memory, size);
  }

 private:
  asio::any_io_executor object_;
};

template <class Own>
class route_to final : public far_route {
 public:
  route_to(const Own& own, const asio::any_io_executor& object) : far_route(object), own_(tracked(own)) {}

  bool go_on(ready_call& call) override {
    dispatch_to(own_, posted_call<>(call));
    return true;
  }

 private:
  std::decay_t<decltype(tracked(std::declval<const Own&>()))> own_;
};

template <class Own>
std::unique_ptr<far_route> make_far_route(const Own& own, const asio::any_io_executor& object) {
  if constexpr (std::is_same_v<Own, asio::any_io_executor>) {
    if (own == object) return std::unique_ptr<far_route>(new far_route(object));
  }
  return std::unique_ptr<far_route>(new route_to<Own>(own, object));
}

/// The way of a call from the object to its handler, whose executor is `own`. Mostly one io_context has both.
class call_route {
 public:
  /// The call has no route yet, or has arrived.
  call_route() noexcept = default;

  /// Sets the route of the call from the executor of its object, `object`, to that of its handler, `own`.
  /// Both have outstanding work until the call has arrived.
  template <class Own>
  void lead(const Own& own, const asio::any_io_executor& object) {
    if (const auto* const plain = plain_executor(own, object))
      plain_.emplace(tracked(*plain));
    else
      far_ = make_far_route(own, object);
  }

  template <class Allocator>
  void post(posted_call<Allocator>&& call) {
    if (far_) return post_to(far_->object(), std::move(call));
    const auto plain = std::exchange(plain_, std::nullopt);
    post_to(asio::query(*plain, asio::execution::context).get_executor(), std::move(call));
  }
  /// True if the call, which has arrived on the executor of its object, has continued elsewhere.
  bool go_on(ready_call& call) {
    if (!far_) return false;
    const auto far = std::move(far_);
    return far->go_on(call);
  }

 private:
  std::optional<decltype(tracked(std::declval<const io_executor&>()))> plain_;
  std::unique_ptr<far_route> far_;
};

}  // namespace muxpro::detail
