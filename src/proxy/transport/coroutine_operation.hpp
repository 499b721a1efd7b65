// coroutine_operation, a waiting handler that a coroutine completes. The coroutine is the same for every type
// of handler, so that the compiler makes co_spawn() once and not once for each. Ring 4.
#pragma once

#include <muxpro/layer.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

struct transferred {
  std::error_code ec;
  std::size_t bytes = 0;
};

/// `Args` are those of the handler, which are the error, and the bytes if it takes them.
template <class... Args>
struct coroutine_operation : layer::pending_op<Args...> {
  explicit coroutine_operation(asio::any_io_executor e) : executor(std::move(e)) {}
  /// The signal is emitted on the executor, and may outlive the operation.
  void cancel() const;

  const asio::any_io_executor executor;
  const std::shared_ptr<asio::cancellation_signal> stop = std::make_shared<asio::cancellation_signal>();
};
using transfer_operation = coroutine_operation<std::error_code, std::size_t>;
using end_operation = coroutine_operation<std::error_code>;

/// Runs `work`, which completes `op`.
void run_for(transfer_operation* op, asio::awaitable<transferred> work);
void run_for(end_operation* op, asio::awaitable<transferred> work);

/// `Op` is an operation above. Its handler is posted when `work` has ended. An exception is an error then.
/// Cancellation (any type) is a terminal one for `work`.
template <class Op, class Handler>
void start_coroutine(Handler&& handler, const asio::any_io_executor& executor,
                     asio::awaitable<transferred> work) {
  auto cancel = [](Op* op) { op->cancel(); };
  run_for(layer::make_pending_op<Op>(std::forward<Handler>(handler), executor, cancel, executor),
          std::move(work));
}

}  // namespace muxpro::proxy
