// one_shot, an outcome that one side sets and another one awaits. Ring 2, useful alone.
#pragma once

#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/error.hpp>

#include <utility>

namespace muxpro {

/// Can be set once. Later calls of set() are ignored. The waiter completes by post, never inside set(). Not
/// thread-safe. Use it on one strand. Destroying it ends its waiter with operation_aborted.
class one_shot final : private detail::shutdown_participant {
 public:
  one_shot() = default;
  ~one_shot() {
    if (waiter_) waiter_->complete(asio::error::operation_aborted);
  }

  void set(error_code outcome) {
    if (std::exchange(is_set_, true)) return;
    outcome_ = outcome;
    if (waiter_) std::exchange(waiter_, nullptr)->complete(outcome);
  }
  bool is_set() const noexcept { return is_set_; }
  /// No error before is_set().
  error_code outcome() const noexcept { return outcome_; }

  /// Waits for the outcome. `executor` is that of the strand, and the handler's unless that has one of its
  /// own.
  /// Signature: void(error_code), the outcome. Completes after set(), at once if that was before. Errors: the
  /// outcome, or errc::operation_in_progress while another wait is pending. Cancellation (any type):
  /// operation_aborted. Another wait may begin.
  template <class Token = asio::use_awaitable_t<>>
  auto async_wait(const asio::any_io_executor& executor, Token&& token = {}) {
    return asio::async_initiate<Token, void(error_code)>(start_wait{this, executor}, token);
  }

 private:
  struct wait_op : detail::pending_op<error_code> {};

  struct start_wait {
    one_shot* self;
    asio::any_io_executor executor;

    using executor_type = asio::any_io_executor;
    executor_type get_executor() const noexcept { return executor; }
    template <class Handler>
    void operator()(Handler&& handler) const {
      if (self->is_set_ || self->waiter_) {
        const error_code now = self->is_set_ ? self->outcome_ : make_error_code(errc::operation_in_progress);
        detail::post_completion(std::forward<Handler>(handler), executor, now);
        return;
      }
      self->unregister();  // of an earlier wait's context
      self->register_with(executor);
      const auto cancel = detail::cancel_by<&one_shot::cancel>(self);
      self->waiter_ = detail::make_pending_op<wait_op>(std::forward<Handler>(handler), executor, cancel);
    }
  };

  void cancel(wait_op* op) {
    waiter_ = nullptr;
    op->complete(asio::error::operation_aborted);
  }

  void context_destroyed() noexcept override {
    if (waiter_) std::exchange(waiter_, nullptr)->drop();
  }

  wait_op* waiter_ = nullptr;
  bool is_set_ = false;
  error_code outcome_;
};

}  // namespace muxpro
