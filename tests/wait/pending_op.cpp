#include "catch.hpp"
#include "support.hpp"

#include <muxpro/detail/pending_op.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/detached.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>
#if __has_include(<asio/any_completion_handler.hpp>)
#include <asio/any_completion_handler.hpp>
#include <asio/bind_allocator.hpp>
#endif

#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

namespace {

using namespace muxpro;
using asio::error::operation_aborted;

struct int_op : detail::pending_op<error_code, int> {
  int_op() = default;
  explicit int_op(int t) : tag(t) {}
  int tag = 0;
};

/// Ends the operation as a queue would that has nothing else to undo.
void abort_op(int_op* op) { op->complete(operation_aborted, 0); }

template <class Handler>
int_op* make_pending_op(asio::io_context& context, Handler handler) {
  return detail::make_pending_op<int_op>(std::move(handler), context.get_executor(), &abort_op, 7);
}

/// Counts what its copies have allocated and not freed.
template <class T = void>
struct counting_allocator {
  using value_type = T;
  counting_allocator(int* l, int* t) : live(l), total(t) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : live(other.live), total(other.total) {}
  T* allocate(std::size_t n) {
    ++*live;
    ++*total;
    return static_cast<T*>(std::malloc(n * sizeof(T)));
  }
  void deallocate(T* p, std::size_t) {
    --*live;
    std::free(p);
  }
  template <class U>
  bool operator==(const counting_allocator<U>& other) const {
    return live == other.live;
  }
  int* live;
  int* total;
};

using strand_type = asio::strand<asio::io_context::executor_type>;

struct start_waiting {
  template <class Handler>
  void operator()(Handler&& handler, strand_type strand, int_op** op) const {
    *op = detail::make_pending_op<int_op>(std::forward<Handler>(handler), strand, &abort_op, 7);
  }
};

asio::awaitable<void> wait_for(strand_type strand, int_op*& op) {
  const int got = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(error_code, int)>(
      start_waiting{}, asio::use_awaitable, strand, &op);
  CHECK(got == 8);
  CHECK(strand.running_in_this_thread());
}

struct allocating_handler {
  using allocator_type = counting_allocator<>;
  allocator_type get_allocator() const noexcept { return {live, total}; }
  void operator()(error_code, int) const { *at_call = *live; }
  int* live;
  int* total;
  int* at_call;
};

}  // namespace

TEST_CASE("a parked handler is posted with its arguments", "[pending_op]") {
  asio::io_context context;
  int got = 0;
  int_op* op = make_pending_op(context, [&](error_code error, int n) {
    CHECK_FALSE(error);
    got = n;
  });
  CHECK(op->tag == 7);
  CHECK(context.poll() == 0);
  op->complete({}, 42);
  CHECK(got == 0);
  context.restart();
  context.poll();
  CHECK(got == 42);
}

TEST_CASE("a parked handler keeps its context running", "[pending_op]") {
  asio::io_context context;
  int_op* op = make_pending_op(context, [](error_code, int) {});
  context.poll();
  CHECK_FALSE(context.stopped());
  op->complete({}, 0);
  context.poll();
  CHECK(context.stopped());
}

TEST_CASE("a dropped handler is destroyed unseen and lets its context go", "[pending_op]") {
  asio::io_context context;
  auto alive = std::make_shared<int>();
  int_op* op = make_pending_op(context, [alive](error_code, int) { FAIL("called"); });
  CHECK(alive.use_count() == 2);
  op->drop();
  CHECK(alive.use_count() == 1);
  context.poll();
  CHECK(context.stopped());
}

TEST_CASE("a handler runs on its own executor, by way of the object's", "[pending_op]") {
  asio::io_context context, own;
  bool called = false;
  const auto handler = asio::bind_executor(own.get_executor(), [&](error_code, int) { called = true; });
  SECTION("after it was parked") {
    int_op* op = make_pending_op(context, handler);
    context.poll();
    own.poll();
    CHECK_FALSE(context.stopped());
    CHECK_FALSE(own.stopped());
    op->complete({}, 1);
  }
  SECTION("at once") { detail::post_completion(handler, context.get_executor(), error_code(), 1); }
  own.poll();
  // Nothing for it to do yet, and yet it must not end.
  CHECK_FALSE(own.stopped());
  context.poll();
  CHECK(context.stopped());
  CHECK_FALSE(called);
  own.poll();
  CHECK(called);
  CHECK(own.stopped());
}

TEST_CASE("a handler that any thread may run is run where the object is", "[pending_op]") {
  asio::io_context context;
  std::thread::id ran;
  const auto handler = asio::bind_executor(asio::system_executor(),
                                           [&](error_code, int) { ran = std::this_thread::get_id(); });
  SECTION("after it was parked") { make_pending_op(context, handler)->complete({}, 1); }
  SECTION("at once") { detail::post_completion(handler, context.get_executor(), error_code(), 1); }
  CHECK(ran == std::thread::id());
  context.poll();
  CHECK(ran == std::this_thread::get_id());
}

TEST_CASE("the handler's memory is free for its next operation when it is called", "[pending_op]") {
  asio::io_context context;
  int live = 0, total = 0, at_call = -1;
  int_op* op = make_pending_op(context, allocating_handler{&live, &total, &at_call});
  CHECK(live == 1);
  op->complete({}, 1);
  context.poll();
  CHECK(at_call == 0);
  CHECK(total == 2);

  make_pending_op(context, allocating_handler{&live, &total, &at_call})->drop();
  CHECK(live == 0);
}

TEST_CASE("a coroutine on a strand is resumed on it", "[pending_op]") {
  asio::io_context context;
  auto strand = asio::make_strand(context);
  int_op* op = nullptr;
  asio::co_spawn(strand, wait_for(strand, op), asio::detached);
  context.poll();
  REQUIRE(op);
  op->complete({}, 8);
  context.poll();
  CHECK(context.stopped());
}

TEST_CASE("a handler may be movable only", "[pending_op]") {
  asio::io_context context;
  auto token = std::make_unique<int>(5);
  int got = 0;
  make_pending_op(context, [&got, token = std::move(token)](error_code, int n) {
    got = *token + n;
  })->complete({}, 1);
  auto other = std::make_unique<int>(6);
  detail::post_completion([&got, other = std::move(other)](error_code, int n) { got += *other + n; },
                          context.get_executor(), error_code(), 2);
  context.poll();
  CHECK(got == 14);
}

TEST_CASE("each type of cancellation reaches a waiting operation, type none does not", "[pending_op]") {
  asio::io_context context;
  asio::cancellation_signal signal;
  error_code got;
  int calls = 0;
  const auto start = [&] {
    return make_pending_op(context, asio::bind_cancellation_slot(signal.slot(), [&](error_code error, int) {
                             got = error;
                             ++calls;
                           }));
  };
  using asio::cancellation_type;
  for (const auto type :
       {cancellation_type::total, cancellation_type::partial, cancellation_type::terminal}) {
    start();
    signal.emit(type);
    // The slot is empty now: this must not find the freed operation.
    signal.emit(type);
    context.restart();
    context.poll();
    CHECK(got == operation_aborted);
  }
  CHECK(calls == 3);

  int_op* op = start();
  signal.emit(cancellation_type::none);
  op->complete({}, 0);
  signal.emit(cancellation_type::all);
  context.restart();
  context.poll();
  CHECK(calls == 4);
  CHECK_FALSE(got);
}

TEST_CASE("signal and parked operation may go in either order", "[pending_op]") {
  asio::io_context context;
  auto signal = std::make_unique<asio::cancellation_signal>();
  int calls = 0;
  const auto start = [&] {
    return make_pending_op(context,
                           asio::bind_cancellation_slot(signal->slot(), [&](error_code, int) { ++calls; }));
  };
  int_op* op = start();
  SECTION("the signal before a completion") {
    signal.reset();
    op->complete({}, 0);
    CHECK(context.poll() == 1);
  }
  SECTION("the signal before a drop") {
    signal.reset();
    op->drop();
  }
  SECTION("a drop before the signal is used") {
    op->drop();
    signal->emit(asio::cancellation_type::all);
    CHECK(context.poll() == 0);
  }
  SECTION("another operation takes the slot over") {
    int_op* other = start();
    op->complete({}, 0);
    signal->emit(asio::cancellation_type::all);
    CHECK(context.poll() == 2);
    (void)other;
  }
  CHECK(calls <= 2);
}

TEST_CASE("a slot serves one operation after another", "[pending_op]") {
  asio::io_context context;
  asio::cancellation_signal signal;
  int aborted = 0, completed = 0;
  std::function<void(int)> next = [&](int left) {
    if (left == 0) return;
    int_op* op = make_pending_op(
        context, asio::bind_cancellation_slot(signal.slot(), [&, left](error_code error, int) {
          ++(error ? aborted : completed);
          next(left - 1);
        }));
    if (left % 2 == 0) {
      signal.emit(asio::cancellation_type::terminal);
    } else {
      op->complete({}, 0);
    }
  };
  next(10);
  context.poll();
  CHECK(aborted == 5);
  CHECK(completed == 5);
}

#if __has_include(<asio/any_completion_handler.hpp>)
TEST_CASE("the allocator of an erased handler lives in the handler", "[pending_op]") {
  asio::io_context context;
  int live = 0, total = 0, got = 0;
  using erased = asio::any_completion_handler<void(error_code, int)>;
  const auto handler = [&] {
    return erased(
        asio::bind_allocator(counting_allocator<>(&live, &total), [&](error_code, int n) { got = n; }));
  };
  make_pending_op(context, handler())->complete({}, 3);
  CHECK(got == 0);
  context.poll();
  CHECK(got == 3);
  CHECK(live == 0);
  make_pending_op(context, handler())->drop();
  CHECK(live == 0);
  CHECK(total > 2);
}
#endif
