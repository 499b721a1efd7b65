// A parked completion handler, type-erased in one allocation from the handler's own allocator.
// It completes once, never inside the call that completes it, or is dropped unseen when its context dies.
#pragma once

#include <muxpro/detail/asio.hpp>

#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace muxpro::detail {

/// A handler and the arguments of its call. Has the handler's allocator, but not its executor:
/// whoever posts it has seen to that.
template <class Handler, class... Args>
class bound_handler {
 public:
  using allocator_type = asio::associated_allocator_t<Handler>;

  bound_handler(Handler h, Args... args) : handler_(std::move(h)), args_(std::move(args)...) {}
  allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler_); }
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

  dispatched_handler(Executor e, Bound b) : executor_(std::move(e)), bound_(std::move(b)) {}
  allocator_type get_allocator() const noexcept { return bound_.get_allocator(); }
  void operator()() { asio::dispatch(executor_, std::move(bound_)); }

 private:
  Executor executor_;
  Bound bound_;
};

/// The way of a completion: by post to the executor of the object, then by dispatch to that of the handler if
/// it is another one. Not straight to the handler's: asio::use_future names the system executor, whose
/// threads would run the next step of a composed operation beside the object's strand. Keeps both contexts at
/// work.
template <class Handler>
class completion_path {
 public:
  completion_path(const Handler& handler, const asio::any_io_executor& object) : object_(tracked(object)) {
    const own_type own = asio::get_associated_executor(handler, object);
    if constexpr (std::is_same_v<own_type, asio::any_io_executor>) {
      if (own == object) return;
    }
    own_.emplace(tracked(own));
  }

  template <class Bound>
  void post(Bound bound) {
    if (own_) {
      asio::post(object_, dispatched_handler<tracked_type, Bound>(std::move(*own_), std::move(bound)));
    } else {
      asio::post(object_, std::move(bound));
    }
  }

 private:
  using own_type = asio::associated_executor_t<Handler, asio::any_io_executor>;

  template <class Executor>
  static auto tracked(const Executor& executor) {
    return asio::prefer(executor, asio::execution::outstanding_work.tracked);
  }
  using tracked_type = std::decay_t<decltype(tracked(std::declval<const own_type&>()))>;

  asio::any_io_executor object_;
  std::optional<tracked_type> own_;
};

/// Completes a handler that never had to wait.
template <class Handler, class... Args>
void post_completion(Handler&& handler, const asio::any_io_executor& object, Args... args) {
  using handler_type = std::decay_t<Handler>;
  completion_path<handler_type> path(handler, object);
  path.post(bound_handler<handler_type, Args...>(std::forward<Handler>(handler), std::move(args)...));
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

/// `Op` derives from pending_op<Args...> and carries what the operation needs while it waits.
template <class Op, class Handler, class... Args>
class parked_op final : public Op {
 public:
  using allocator_type =
      typename std::allocator_traits<asio::associated_allocator_t<Handler>>::template rebind_alloc<parked_op>;

  template <class... Init>
  parked_op(Handler&& handler, const asio::any_io_executor& object, Init&&... init)
      : Op(std::forward<Init>(init)...),
        path_(handler, object),
        slot_(asio::get_associated_cancellation_slot(handler)),
        handler_(std::move(handler)) {}

  /// From now on cancellation calls `cancel(op)`.
  template <class Cancel>
  void arm(Cancel cancel) {
    if (!slot_.is_connected()) return;
    slot_.template emplace<canceller<Cancel>>(this, std::move(cancel));
    in_slot_ = true;
  }

  void complete(Args... args) override {
    leave_slot();
    auto path = std::move(path_);
    allocator_type allocator(asio::get_associated_allocator(handler_));
    Handler handler(std::move(handler_));
    destroy(allocator);
    path.post(bound_handler<Handler, Args...>(std::move(handler), std::move(args)...));
  }

  void drop() noexcept override {
    leave_slot();
    allocator_type allocator(asio::get_associated_allocator(handler_));
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

  void leave_slot() noexcept {
    if (in_slot_) slot_.clear();
  }

  /// The allocator comes from the handler before it is moved: some live in the handler and move along.
  void destroy(allocator_type& allocator) noexcept {
    std::allocator_traits<allocator_type>::destroy(allocator, this);
    std::allocator_traits<allocator_type>::deallocate(allocator, this, 1);
  }

  completion_path<Handler> path_;
  asio::associated_cancellation_slot_t<Handler> slot_;
  bool in_slot_ = false;
  Handler handler_;
};

template <class Op, class Handler, class... Init, class... Args>
auto* park_as(pending_op<Args...>*, Handler&& handler, const asio::any_io_executor& object, Init&&... init) {
  using parked = parked_op<Op, Handler, Args...>;
  typename parked::allocator_type allocator(asio::get_associated_allocator(handler));
  using traits = std::allocator_traits<typename parked::allocator_type>;
  parked* op = traits::allocate(allocator, 1);
  try {
    traits::construct(allocator, op, std::move(handler), object, std::forward<Init>(init)...);
  } catch (...) {
    traits::deallocate(allocator, op, 1);
    throw;
  }
  return op;
}

/// Parks `handler` as an `Op`; on cancellation `cancel(op)` is called: it must complete `op`, now or soon.
template <class Op, class Handler, class Cancel, class... Init>
Op* park(Handler handler, const asio::any_io_executor& object, Cancel cancel, Init&&... init) {
  auto* const op =
      park_as<Op>(static_cast<Op*>(nullptr), std::move(handler), object, std::forward<Init>(init)...);
  try {
    op->arm(std::move(cancel));
  } catch (...) {
    op->drop();
    throw;
  }
  return op;
}

}  // namespace muxpro::detail
