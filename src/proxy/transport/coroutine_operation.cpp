#include "proxy/transport/coroutine_operation.hpp"

#include "proxy/base/exception_code.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>

#include <exception>

namespace muxpro::proxy {

namespace {

struct drop_operation {
  template <class Op>
  void operator()(Op* op) const noexcept {
    op->drop();
  }
};
template <class Op>
using held_operation = std::unique_ptr<Op, drop_operation>;

void complete(held_operation<transfer_operation> op, const transferred& t) {
  op.release()->complete(t.ec, t.bytes);
}
void complete(held_operation<end_operation> op, const transferred& t) { op.release()->complete(t.ec); }

template <class Op>
void run_held(held_operation<Op> op, asio::awaitable<transferred> work) {
  const asio::any_io_executor executor = op->executor;
  const auto stop = op->stop;
  auto ended = [stop, op = std::move(op)](std::exception_ptr thrown, transferred t) mutable {
    if (thrown) t.ec = code_of(thrown);
    complete(std::move(op), t);
  };
  asio::co_spawn(executor, std::move(work), asio::bind_cancellation_slot(stop->slot(), std::move(ended)));
}

}  // namespace

template <class... Args>
void coroutine_operation<Args...>::cancel() const {
  asio::dispatch(executor, [s = stop] { s->emit(asio::cancellation_type::terminal); });
}
template struct coroutine_operation<std::error_code, std::size_t>;
template struct coroutine_operation<std::error_code>;

void run_for(transfer_operation* op, asio::awaitable<transferred> work) {
  run_held(held_operation<transfer_operation>(op), std::move(work));
}
void run_for(end_operation* op, asio::awaitable<transferred> work) {
  run_held(held_operation<end_operation>(op), std::move(work));
}

}  // namespace muxpro::proxy
