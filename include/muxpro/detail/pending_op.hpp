// A parked completion handler, type-erased in one allocation from the handler's own allocator.
// It completes once, never inside the call that completes it, or is dropped unseen when its context dies.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/guarded_handler.hpp>
#include <muxpro/detail/recycled.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace muxpro::detail {

/// A handler and the arguments of its call. Has the handler's allocator, but not its executor:
/// whoever posts it has seen to that.
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

/// Goes on from the object's executor to the handler's.
template <class Executor, class Bound>
class dispatched_handler {
 public:
  using allocator_type = typename Bound::allocator_type;

  dispatched_handler(Executor e, Bound&& b) : executor_(std::move(e)), bound_(std::move(b)) {}
  allocator_type get_allocator() const noexcept { return bound_.get_allocator(); }
  void operator()() { asio::dispatch(executor_, std::move(bound_)); }

 private:
  Executor executor_;
  Bound bound_;
};

/// The guard stays outside, because it begins on the object's executor.
template <class Executor, class Bound>
dispatched_handler<Executor, Bound> dispatched(Executor e, Bound&& b) {
  return {std::move(e), std::move(b)};
}
template <class Executor, class Guard, class Next>
auto dispatched(Executor e, guarded_handler<Guard, Next>&& g) {
  using call = guarded_handler<Guard, dispatched_handler<Executor, Next>>;
  return call(std::move(g.guard), std::move(e), std::move(g.next));
}

/// What most objects have: nothing is left to find out about it at run time.
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

/// `object`'s io_context, if that is all its executor is, and the handler asks for no other.
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

/// By post to the executor of the object, then by dispatch to that of the handler if it is another one. Not
/// straight to the handler's: asio::use_future names the system executor, whose threads would run the next
/// step of a composed operation beside the object's strand. Keeps both contexts at work.
template <class Handler>
class long_way {
 public:
  long_way(const Handler& handler, const asio::any_io_executor& object) : object_(tracked(object)) {
    const own_type own = asio::get_associated_executor(handler, object);
    if constexpr (std::is_same_v<own_type, asio::any_io_executor>) {
      if (own == object) return;
    }
    own_.emplace(tracked(own));
  }

  template <class Bound>
  void post(Bound&& bound) {
    if (own_)
      asio::post(object_, dispatched(std::move(*own_), std::move(bound)));
    else
      asio::post(object_, std::move(bound));
  }

 private:
  using own_type = asio::associated_executor_t<Handler, asio::any_io_executor>;
  using tracked_type = std::decay_t<decltype(tracked(std::declval<const own_type&>()))>;

  asio::any_io_executor object_;
  std::optional<tracked_type> own_;
};

/// Where everything happens on one io_context.
class short_way {
 public:
  explicit short_way(const io_executor& plain) : executor_(tracked(plain)) {}

  template <class Bound>
  void post(Bound&& bound) {
    post_to(asio::query(executor_, asio::execution::context).get_executor(), std::move(bound));
  }

 private:
  decltype(tracked(std::declval<const io_executor&>())) executor_;
};

/// Completes a handler that never had to wait.
template <class Handler, class... Args>
void post_completion(Handler&& handler, const asio::any_io_executor& object, Args... args) {
  using handler_type = std::decay_t<Handler>;
  using bound = bound_handler<handler_type, Args...>;
  if (const auto* const plain = plain_executor(handler, object))
    return post_to(*plain, bound(std::forward<Handler>(handler), std::move(args)...));
  long_way<handler_type> path(handler, object);
  path.post(bound(std::forward<Handler>(handler), std::move(args)...));
}

/// The same with a guard.
template <class Guard, class Handler, class... Args>
void post_guarded(Guard guard, Handler&& handler, const asio::any_io_executor& object, Args... args) {
  using handler_type = std::decay_t<Handler>;
  using call = guarded_handler<Guard, bound_handler<handler_type, Args...>>;
  if (const auto* const plain = plain_executor(handler, object))
    return post_to(*plain, call(std::move(guard), std::forward<Handler>(handler), std::move(args)...));
  long_way<handler_type> path(handler, object);
  path.post(call(std::move(guard), std::forward<Handler>(handler), std::move(args)...));
}

template <class... Args>
class pending_op {
 public:
  pending_op(const pending_op&) = delete;
  pending_op& operator=(const pending_op&) = delete;

  /// Posts the handler and frees the operation.
  virtual void complete(Args... args) = 0;
  /// Frees both without a call.
  virtual void drop() noexcept = 0;

 protected:
  pending_op() noexcept = default;
  ~pending_op() = default;
};

/// An operation whose completion has a guard.
template <class Op>
concept guards_completion = requires(Op& op) {
  op.guard();
};

/// `Op` derives from pending_op<Args...> and carries what the operation needs while it waits; its completion
/// takes `Way`.
template <class Op, class Way, class Handler, class... Args>
class parked_op final : public Op {
 public:
  using allocator_type = typename std::allocator_traits<
      typename operation_memory<Handler>::type>::template rebind_alloc<parked_op>;

  template <class From, class... Init>
  parked_op(From&& handler, Way&& way, Init&&... init)
      : Op(std::forward<Init>(init)...),
        way_(std::move(way)),
        slot_(asio::get_associated_cancellation_slot(handler)),
        handler_(std::forward<From>(handler)) {}

  /// From now on cancellation calls `cancel(op)`.
  template <class Cancel>
  void arm(Cancel cancel) {
    if (!slot_.is_connected()) return;
    slot_.template emplace<canceller<Cancel>>(this, std::move(cancel));
    in_slot_ = true;
  }

  void complete(Args... args) override {
    leave_slot();
    auto way = std::move(way_);
    allocator_type allocator(operation_memory<Handler>::of(handler_));
    auto call = bind(std::move(args)...);
    destroy(allocator);
    way.post(std::move(call));
  }

  void drop() noexcept override {
    leave_slot();
    allocator_type allocator(operation_memory<Handler>::of(handler_));
    [[maybe_unused]] Handler handler(std::move(handler_));
    destroy(allocator);
  }

 private:
  /// Sits in the signal. When it goes, the slot holds nothing of this operation: the signal may well die
  /// first.
  template <class Cancel>
  class canceller {
   public:
    canceller(parked_op* op, Cancel cancel) : op_(op), cancel_(std::move(cancel)) {}
    canceller(const canceller&) = delete;
    canceller& operator=(const canceller&) = delete;
    ~canceller() { op_->in_slot_ = false; }

    void operator()(asio::cancellation_type type) {
      if (type == asio::cancellation_type::none) return;
      // Completing clears the slot and with it *this: copy first.
      Op* const op = op_;
      Cancel cancel = cancel_;
      cancel(op);
    }

   private:
    parked_op* op_;
    Cancel cancel_;
  };

  auto bind(Args... args) {
    using bound = bound_handler<Handler, Args...>;
    if constexpr (guards_completion<Op>)
      return guarded_handler<decltype(Op::guard()), bound>(Op::guard(), std::move(handler_),
                                                           std::move(args)...);
    else
      return bound(std::move(handler_), std::move(args)...);
  }

  void leave_slot() noexcept {
    if (in_slot_) slot_.clear();
  }

  /// The allocator comes from the handler before it is moved: some live in the handler and move along.
  void destroy(allocator_type& allocator) noexcept {
    std::allocator_traits<allocator_type>::destroy(allocator, this);
    std::allocator_traits<allocator_type>::deallocate(allocator, this, 1);
  }

  Way way_;
  asio::associated_cancellation_slot_t<Handler> slot_;
  bool in_slot_ = false;
  Handler handler_;
};

template <class Op, class Way, class Handler, class Cancel, class... Init, class... Args>
Op* park_on(pending_op<Args...>*, Way way, Handler&& handler, Cancel cancel, Init&&... init) {
  using handler_type = std::decay_t<Handler>;
  using parked = parked_op<Op, Way, handler_type, Args...>;
  typename parked::allocator_type allocator(operation_memory<handler_type>::of(handler));
  using traits = std::allocator_traits<typename parked::allocator_type>;
  parked* op = traits::allocate(allocator, 1);
  try {
    traits::construct(allocator, op, std::forward<Handler>(handler), std::move(way),
                      std::forward<Init>(init)...);
  } catch (...) {
    traits::deallocate(allocator, op, 1);
    throw;
  }
  try {
    op->arm(std::move(cancel));
  } catch (...) {
    op->drop();
    throw;
  }
  return op;
}

/// Parks `handler` as an `Op`; on cancellation `cancel(op)` is called: it must complete `op`, now or soon.
template <class Op, class Handler, class Cancel, class... Init>
Op* park(Handler&& handler, const asio::any_io_executor& object, Cancel cancel, Init&&... init) {
  constexpr Op* type = nullptr;
  if (const auto* const plain = plain_executor(handler, object))
    return park_on<Op>(type, short_way(*plain), std::forward<Handler>(handler), std::move(cancel),
                       std::forward<Init>(init)...);
  long_way<std::decay_t<Handler>> way(handler, object);
  return park_on<Op>(type, std::move(way), std::forward<Handler>(handler), std::move(cancel),
                     std::forward<Init>(init)...);
}

}  // namespace muxpro::detail
