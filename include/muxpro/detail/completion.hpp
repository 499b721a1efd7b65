// How completion handlers are posted: on which executor, and with which allocator. Asio 1.22 has no
// any_completion_handler, which would replace most of this file.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/guarded_handler.hpp>
#include <muxpro/detail/recycled.hpp>

#include <concepts>
#include <optional>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace muxpro::detail {

/// A handler and the arguments of its call. Has the handler's allocator, but not its executor, which the
/// caller of post() takes into account.
template <class Handler, class... Args>
class bound_handler {
 public:
  using allocator_type = typename operation_memory<Handler>::type;

  bound_handler(Handler&& h, Args... args) : handler_(std::move(h)), args_(std::move(args)...) {}
  bound_handler(const Handler& h, Args... args) : handler_(h), args_(std::move(args)...) {}
  allocator_type get_allocator() const noexcept { return operation_memory<Handler>::of(handler_); }
  void operator()() { std::apply(std::move(handler_), std::move(args_)); }

 private:
  Handler handler_;
  std::tuple<Args...> args_;
};

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

/// Continues on the handler's executor, if that is not the one which calls it.
template <class Executor, class Bound>
class dispatched_handler {
 public:
  using allocator_type = typename Bound::allocator_type;

  dispatched_handler(std::optional<Executor> e, Bound&& b) : executor_(std::move(e)), bound_(std::move(b)) {}
  allocator_type get_allocator() const noexcept { return bound_.get_allocator(); }
  void operator()() {
    if (executor_)
      dispatch_to(*executor_, std::move(bound_));
    else
      bound_();
  }

 private:
  std::optional<Executor> executor_;
  Bound bound_;
};

/// The guard stays outside, because it begins on the object's executor.
template <class Executor, class Bound>
dispatched_handler<Executor, Bound> dispatched(std::optional<Executor> e, Bound&& b) {
  return {std::move(e), std::move(b)};
}
template <class Executor, class Guard, class Next>
auto dispatched(std::optional<Executor> e, guarded_handler<Guard, Next>&& g) {
  using call = guarded_handler<Guard, dispatched_handler<Executor, Next>>;
  return call(std::move(g.guard), std::move(e), std::move(g.next));
}

/// The executor of most objects.
using io_executor = asio::io_context::executor_type;

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

/// The executor of `object`, if it is that of an io_context and the handler has no other one. Else null.
template <class Handler>
const io_executor* plain_executor(const Handler& handler, const asio::any_io_executor& object) {
  const auto* const plain = as_io_executor(object);
  if (!plain) return nullptr;
  const auto& own = own_executor(handler, object);
  using own_type = std::decay_t<decltype(own)>;
  if constexpr (std::is_same_v<own_type, asio::any_io_executor>) {
    const auto* const wanted = as_io_executor(own);
    return wanted && *wanted == *plain ? plain : nullptr;
  } else if constexpr (std::is_same_v<own_type, io_executor>) {
    return own == *plain ? plain : nullptr;
  } else {
    return nullptr;
  }
}

template <class Executor>
auto tracked(const Executor& executor) {
  return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}

/// Like asio::post(), but with one move of the handler less. ASIO_NO_TS_EXECUTORS removes the member
/// function.
template <class Bound>
void post_to(const io_executor& executor, Bound&& bound) {
  if constexpr (requires { executor.post(std::move(bound), bound.get_allocator()); })
    executor.post(std::move(bound), bound.get_allocator());
  else
    asio::post(executor, std::move(bound));
}

/// Completes by post to the executor of the object, then by dispatch to that of the handler if it is another
/// one. It does not post to the handler's directly, because asio::use_future names the system executor, whose
/// threads would run the next step of a composed operation beside the object's strand. Both contexts have
/// outstanding work until then.
template <class Handler>
class dispatched_completion {
 public:
  dispatched_completion(const Handler& handler, const asio::any_io_executor& object)
      : object_(tracked(object)) {
    const own_type own = asio::get_associated_executor(handler, object);
    if constexpr (std::is_same_v<own_type, asio::any_io_executor>) {
      if (own == object) return;
    }
    own_.emplace(tracked(own));
  }

  template <class Bound>
  void post(Bound&& bound) {
    post_to(object_, dispatched(std::move(own_), std::move(bound)));
  }

 private:
  using own_type = asio::associated_executor_t<Handler, asio::any_io_executor>;
  using tracked_type = std::decay_t<decltype(tracked(std::declval<const own_type&>()))>;

  asio::any_io_executor object_;
  std::optional<tracked_type> own_;
};

/// Completes by one post, because the object and the handler have the same io_context.
class direct_completion {
 public:
  explicit direct_completion(const io_executor& plain) : executor_(tracked(plain)) {}

  template <class Bound>
  void post(Bound&& bound) {
    post_to(asio::query(executor_, asio::execution::context).get_executor(), std::move(bound));
  }

 private:
  decltype(tracked(std::declval<const io_executor&>())) executor_;
};

/// Completes the handler of an operation that did not wait.
template <class Handler, class... Args>
void post_completion(Handler&& handler, const asio::any_io_executor& object, Args... args) {
  using handler_type = std::decay_t<Handler>;
  using bound = bound_handler<handler_type, Args...>;
  if (const auto* const plain = plain_executor(handler, object))
    return post_to(*plain, bound(std::forward<Handler>(handler), std::move(args)...));
  dispatched_completion<handler_type> completion(handler, object);
  completion.post(bound(std::forward<Handler>(handler), std::move(args)...));
}

/// The same with a guard.
template <class Guard, class Handler, class... Args>
void post_guarded(Guard guard, Handler&& handler, const asio::any_io_executor& object, Args... args) {
  using handler_type = std::decay_t<Handler>;
  using call = guarded_handler<Guard, bound_handler<handler_type, Args...>>;
  if (const auto* const plain = plain_executor(handler, object))
    return post_to(*plain, call(std::move(guard), std::forward<Handler>(handler), std::move(args)...));
  dispatched_completion<handler_type> completion(handler, object);
  completion.post(call(std::move(guard), std::forward<Handler>(handler), std::move(args)...));
}

}  // namespace muxpro::detail
