// pending_op, a completion handler that waits, with its type erased, in one allocation by the handler's own
// allocator. It completes once, never inside the call that completes it, or is dropped without a call when
// its context goes.
//
// complete() keeps the results in the operation and posts a pointer to it. Thus a type of handler needs one
// class here, and no further one in Asio.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/completion.hpp>
#include <muxpro/detail/recycled.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace muxpro::detail {

/// An operation that completes with `Args`.
template <class... Args>
class pending_op : public ready_call {
 public:
  /// Posts the handler, whose call frees the operation.
  virtual void complete(Args... args) = 0;

 protected:
  pending_op() noexcept = default;
  ~pending_op() = default;

  /// From now on cancellation calls `cancel(op)`, where `Op` is the type of *this.
  template <class Op, class Cancel>
  void arm(Cancel cancel) {
    if (!slot_.is_connected()) return;
    slot_.template emplace<canceller<Op, Cancel>>(this, std::move(cancel));
    in_slot_ = true;
  }
  void leave_slot() noexcept {
    if (in_slot_) slot_.clear();
  }

  asio::cancellation_slot slot_;  ///< of the handler

 private:
  /// Stands in the cancellation signal. Its destructor marks the slot as empty, since the signal may be
  /// destroyed before the operation.
  template <class Op, class Cancel>
  class canceller {
   public:
    canceller(pending_op* op, Cancel cancel) : op_(op), cancel_(std::move(cancel)) {}
    canceller(const canceller&) = delete;
    canceller& operator=(const canceller&) = delete;
    ~canceller() { op_->in_slot_ = false; }

    void operator()(asio::cancellation_type type) {
      if (type == asio::cancellation_type::none) return;
      // Completing clears the slot and with it *this, so the pointer is copied first.
      Op* const op = static_cast<Op*>(op_);
      Cancel cancel = cancel_;
      cancel(op);
    }

   private:
    pending_op* op_;
    Cancel cancel_;
  };

  bool in_slot_ = false;
};

/// An operation whose completion has a guard: `guard->begin()` is called before the handler, on the executor
/// of the object, and the guard is destroyed behind the handler.
template <class Guard, class... Args>
struct guarded_op : pending_op<Args...> {
  guarded_op() noexcept = default;
  explicit guarded_op(Guard&& g) noexcept : guard(std::move(g)) {}

  std::optional<Guard> guard;  ///< since the operation is complete
};

/// `Op` derives from pending_op<Args...> and has the data of the operation while it waits.
template <class Op, class Handler, class... Args>
class bound_op final : public Op {
 public:
  /// Makes an `Op` of `init`. Cancellation calls `cancel(op)`.
  template <class From, class Cancel, class... Init>
  static Op* make_pending_op(From&& handler, const asio::any_io_executor& object, Cancel cancel,
                             Init&&... init) {
    bound_op* const op = make(std::forward<From>(handler), std::forward<Init>(init)...);
    try {
      op->route_.lead(op->own(object), object);
      op->template arm<Op>(std::move(cancel));
    } catch (...) {
      op->drop();
      throw;
    }
    return op;
  }

  /// Completes an `Op` of `init` that does not wait.
  template <class From, class... Init>
  static void complete_at_once(From&& handler, const asio::any_io_executor& object, Args... args,
                               Init&&... init) {
    bound_op* const op = make(std::forward<From>(handler), std::forward<Init>(init)...);
    op->results_.emplace(std::move(args)...);
    posted_call<memory_type> call = op->posted();
    if (const io_executor* const plain = plain_executor(op->own(object), object)) {
      post_to(*plain, std::move(call));
    } else {
      op->route_.lead(op->own(object), object);
      op->route_.post(std::move(call));
    }
  }

  void complete(Args... args) override {
    this->leave_slot();
    results_.emplace(std::move(args)...);
    route_.post(posted());
  }

  void arrive() override {
    [[maybe_unused]] const auto until_called = begin_guard();
    if (!route_.go_on(*this)) call(std::index_sequence_for<Args...>());
  }

  void drop() noexcept override {
    this->leave_slot();
    memory_type allocator = operation_memory<Handler>::of(handler_);
    [[maybe_unused]] const Handler handler(std::move(handler_));
    destroy(allocator);
  }

 private:
  using memory_type = typename operation_memory<Handler>::type;

  template <class From, class... Init>
  explicit bound_op(From&& handler, Init&&... init)
      : Op(std::forward<Init>(init)...), handler_(std::forward<From>(handler)) {
    this->slot_ = asio::get_associated_cancellation_slot(handler_);
  }
  ~bound_op() = default;

  template <class From, class... Init>
  static bound_op* make(From&& handler, Init&&... init) {
    memory_type allocator = operation_memory<Handler>::of(handler);
    void* const place = allocate(allocator);
    try {
      return ::new (place) bound_op(std::forward<From>(handler), std::forward<Init>(init)...);
    } catch (...) {
      deallocate(allocator, place);
      throw;
    }
  }

  decltype(auto) own(const asio::any_io_executor& object) const { return own_executor(handler_, object); }
  posted_call<memory_type> posted() noexcept {
    return posted_call<memory_type>(*this, operation_memory<Handler>::of(handler_));
  }

  auto begin_guard() {
    if constexpr (requires { this->guard; }) {
      auto begun = std::exchange(this->guard, std::nullopt);
      if (begun) begun->begin();
      return begun;
    } else {
      return nullptr;
    }
  }

  template <std::size_t... I>
  void call(std::index_sequence<I...>) {
    memory_type allocator = operation_memory<Handler>::of(handler_);
    Handler handler(std::move(handler_));
    [[maybe_unused]] auto results = *std::move(results_);
    destroy(allocator);
    std::move(handler)(std::get<I>(std::move(results))...);
  }

  /// The allocator comes from the handler before it is moved, because some allocators live in the handler and
  /// move along.
  void destroy(memory_type& allocator) noexcept {
    this->~bound_op();
    deallocate(allocator, this);
  }

  static void* allocate(memory_type& allocator) {
    if constexpr (recycles<memory_type>)
      return recycled_memory::allocate(sizeof(bound_op));
    else
      return own_allocator(allocator).allocate(1);
  }
  static void deallocate(memory_type& allocator, void* place) noexcept {
    if constexpr (recycles<memory_type>)
      recycled_memory::deallocate<sizeof(bound_op)>(place);
    else
      own_allocator(allocator).deallocate(static_cast<bound_op*>(place), 1);
  }
  static auto own_allocator(memory_type& allocator) {
    return typename std::allocator_traits<memory_type>::template rebind_alloc<bound_op>(allocator);
  }

  call_route route_;
  std::optional<std::tuple<Args...>> results_;
  Handler handler_;
};

template <class Op, class Handler, class... Args>
bound_op<Op, Handler, Args...> bound_op_type(const pending_op<Args...>*);
/// What has the handler of an `Op`.
template <class Op, class Handler>
using bound_op_for = decltype(bound_op_type<Op, std::decay_t<Handler>>(static_cast<Op*>(nullptr)));

/// Makes an `Op` of `handler`. Cancellation calls `cancel(op)`, which must complete `op`, at once or later.
template <class Op, class Handler, class Cancel, class... Init>
Op* make_pending_op(Handler&& handler, const asio::any_io_executor& object, Cancel cancel, Init&&... init) {
  return bound_op_for<Op, Handler>::make_pending_op(std::forward<Handler>(handler), object, std::move(cancel),
                                                    std::forward<Init>(init)...);
}

/// Completes the handler of an operation that did not wait.
template <class Handler, class... Args>
void post_completion(Handler&& handler, const asio::any_io_executor& object, Args... args) {
  bound_op_for<pending_op<Args...>, Handler>::complete_at_once(std::forward<Handler>(handler), object,
                                                               std::move(args)...);
}

/// The same with a guard.
template <class Guard, class Handler, class... Args>
void post_guarded(Guard guard, Handler&& handler, const asio::any_io_executor& object, Args... args) {
  bound_op_for<guarded_op<Guard, Args...>, Handler>::complete_at_once(std::forward<Handler>(handler), object,
                                                                      std::move(args)..., std::move(guard));
}

/// Sets the cancellation of an operation to the member function `Cancel` of the object where the operation
/// waits, which may take the operation.
template <auto Cancel, class Keeper>
struct cancellation {
  Keeper* keeper;

  template <class Op>
  void operator()([[maybe_unused]] Op* op) const {
    if constexpr (std::is_invocable_v<decltype(Cancel), Keeper&>)
      (keeper->*Cancel)();
    else
      (keeper->*Cancel)(op);
  }
};
template <auto Cancel, class Keeper>
cancellation<Cancel, Keeper> cancel_by(Keeper* keeper) noexcept {
  return {keeper};
}

}  // namespace muxpro::detail
