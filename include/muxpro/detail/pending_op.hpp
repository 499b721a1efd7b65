// pending_op: a waiting completion handler, with its type erased, in one allocation by the handler's own
// allocator. It completes once, never inside the call that completes it, or is dropped without a call when
// its context goes.
#pragma once

#include <muxpro/detail/asio.hpp>
#include <muxpro/detail/completion.hpp>
#include <muxpro/detail/guarded_handler.hpp>
#include <muxpro/detail/recycled.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace muxpro::detail {

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

/// `Op` derives from pending_op<Args...> and has the data of the operation while it waits. `Completion` posts
/// its handler.
template <class Op, class Completion, class Handler, class... Args>
class parked_op final : public Op {
 public:
  using allocator_type = typename std::allocator_traits<
      typename operation_memory<Handler>::type>::template rebind_alloc<parked_op>;

  template <class From, class... Init>
  parked_op(From&& handler, Completion&& completion, Init&&... init)
      : Op(std::forward<Init>(init)...),
        completion_(std::move(completion)),
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
    auto completion = std::move(completion_);
    allocator_type allocator(operation_memory<Handler>::of(handler_));
    auto call = bind(std::move(args)...);
    destroy(allocator);
    completion.post(std::move(call));
  }

  void drop() noexcept override {
    leave_slot();
    allocator_type allocator(operation_memory<Handler>::of(handler_));
    [[maybe_unused]] Handler handler(std::move(handler_));
    destroy(allocator);
  }

 private:
  /// Stands in the cancellation signal. Its destructor marks the slot as empty, since the signal may be
  /// destroyed before the operation.
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

  Completion completion_;
  asio::associated_cancellation_slot_t<Handler> slot_;
  bool in_slot_ = false;
  Handler handler_;
};

template <class Op, class Completion, class Handler, class Cancel, class... Init, class... Args>
Op* park_on(pending_op<Args...>*, Completion completion, Handler&& handler, Cancel cancel, Init&&... init) {
  using handler_type = std::decay_t<Handler>;
  using parked = parked_op<Op, Completion, handler_type, Args...>;
  typename parked::allocator_type allocator(operation_memory<handler_type>::of(handler));
  using traits = std::allocator_traits<typename parked::allocator_type>;
  parked* op = traits::allocate(allocator, 1);
  try {
    traits::construct(allocator, op, std::forward<Handler>(handler), std::move(completion),
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

/// Makes an `Op` of `handler`. Cancellation calls `cancel(op)`, which must complete `op`, at once or later.
template <class Op, class Handler, class Cancel, class... Init>
Op* park(Handler&& handler, const asio::any_io_executor& object, Cancel cancel, Init&&... init) {
  constexpr Op* type = nullptr;
  if (const auto* const plain = plain_executor(handler, object))
    return park_on<Op>(type, direct_completion(*plain), std::forward<Handler>(handler), std::move(cancel),
                       std::forward<Init>(init)...);
  dispatched_completion<std::decay_t<Handler>> completion(handler, object);
  return park_on<Op>(type, std::move(completion), std::forward<Handler>(handler), std::move(cancel),
                     std::forward<Init>(init)...);
}

}  // namespace muxpro::detail
