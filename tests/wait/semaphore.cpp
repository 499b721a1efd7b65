#include "catch.hpp"
#include "support.hpp"

#include <muxpro/error.hpp>
#include <muxpro/semaphore.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace {

using namespace muxpro;
using asio::error::operation_aborted;
using std::uint64_t;

constexpr uint64_t most64 = std::numeric_limits<uint64_t>::max();

/// One completion, in the order of their arrival.
struct event {
  int id;
  error_code error;
  uint64_t n;
  bool operator==(const event&) const = default;
};

std::ostream& operator<<(std::ostream& out, const event& e) {
  return out << e.id << ": " << e.error.message() << ", " << e.n;
}

struct semaphore_fixture {
  explicit semaphore_fixture(uint64_t initial = 0) : sem(context.get_executor(), initial) {}

  auto note(int id) {
    return [this, id](error_code error, uint64_t n) { events.push_back({id, error, n}); };
  }
  auto note(int id, asio::cancellation_signal& signal) {
    return asio::bind_cancellation_slot(signal.slot(), note(id));
  }
  /// What has completed since the last call.
  std::vector<event> polled() {
    context.restart();
    context.poll();
    return std::exchange(events, {});
  }

  asio::io_context context;
  std::vector<event> events;
  semaphore sem;
};

using list = std::vector<event>;

}  // namespace

TEST_CASE("an acquire that can be met takes exactly its share", "[semaphore]") {
  semaphore_fixture f(10);
  f.sem.async_acquire(4, f.note(1));
  CHECK(f.sem.available() == 6);
  f.sem.async_acquire_some(100, f.note(2));
  CHECK(f.sem.available() == 0);
  CHECK(f.polled() == list{{1, {}, 4}, {2, {}, 6}});
}

TEST_CASE("waiters are served in the order of their arrival", "[semaphore]") {
  semaphore_fixture f;
  f.sem.async_acquire(5, f.note(1));
  f.sem.async_acquire_some(3, f.note(2));
  f.sem.async_acquire(1, f.note(3));
  f.sem.release(4);
  CHECK(f.polled().empty());
  CHECK(f.sem.available() == 4);
  f.sem.release(3);
  CHECK(f.polled() == list{{1, {}, 5}, {2, {}, 2}});
  f.sem.release(1);
  CHECK(f.polled() == list{{3, {}, 1}});
  CHECK(f.sem.available() == 0);
}

TEST_CASE("a later acquire does not overtake a waiter", "[semaphore]") {
  semaphore_fixture f(2);
  f.sem.async_acquire(3, f.note(1));
  CHECK_FALSE(f.sem.try_acquire(1));
  CHECK(f.sem.try_acquire_some(1) == 0);
  f.sem.async_acquire(1, f.note(2));
  CHECK(f.polled().empty());
  f.sem.release(2);
  CHECK(f.polled() == list{{1, {}, 3}, {2, {}, 1}});
  f.sem.release(5);
  CHECK_FALSE(f.sem.try_acquire(6));
  CHECK(f.sem.try_acquire(2));
  CHECK(f.sem.try_acquire_some(100) == 3);
}

TEST_CASE("the balance is exact over 64 bits", "[semaphore]") {
  semaphore_fixture f(most64 - 5);
  f.sem.release(5);
  CHECK(f.sem.available() == most64);
  CHECK(f.sem.try_acquire(most64));
  f.sem.async_acquire(most64, f.note(1));
  f.sem.release(most64 - 1);
  CHECK(f.polled().empty());
  f.sem.release(1);
  CHECK(f.polled() == list{{1, {}, most64}});
  CHECK(f.sem.available() == 0);
}

TEST_CASE("acquiring nothing completes at once", "[semaphore]") {
  semaphore_fixture f;
  f.sem.async_acquire(1, f.note(1));
  f.sem.async_acquire(0, f.note(2));
  f.sem.async_acquire_some(0, f.note(3));
  CHECK(f.polled() == list{{2, {}, 0}, {3, {}, 0}});
}

TEST_CASE("a waiter can be cancelled at the front, in the middle and at the back", "[semaphore]") {
  const int victim = GENERATE(0, 1, 2);
  const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                             asio::cancellation_type::total);
  semaphore_fixture f;
  std::vector<asio::cancellation_signal> signals(3);
  for (int i = 0; i < 3; ++i) f.sem.async_acquire(2, f.note(i, signals[static_cast<std::size_t>(i)]));
  signals[static_cast<std::size_t>(victim)].emit(type);
  CHECK(f.events.empty());
  CHECK(f.polled() == list{{victim, operation_aborted, 0}});

  f.sem.release(4);
  list expected;
  for (int i = 0; i < 3; ++i) {
    if (i != victim) expected.push_back({i, {}, 2});
  }
  CHECK(f.polled() == expected);
  CHECK(f.sem.available() == 0);
  signals[static_cast<std::size_t>(victim)].emit(type);
  CHECK(f.polled().empty());
}

TEST_CASE("when the first waiter is cancelled, the next ones get what is available", "[semaphore]") {
  semaphore_fixture f(5);
  asio::cancellation_signal signal;
  f.sem.async_acquire(10, f.note(1, signal));
  f.sem.async_acquire(2, f.note(2));
  f.sem.async_acquire_some(9, f.note(3));
  f.sem.async_acquire(1, f.note(4));
  signal.emit(asio::cancellation_type::terminal);
  CHECK(f.polled() == list{{2, {}, 2}, {3, {}, 3}, {1, operation_aborted, 0}});
  f.sem.release();
  CHECK(f.polled() == list{{4, {}, 1}});
}

TEST_CASE("what was granted is not taken back by a late cancellation", "[semaphore]") {
  semaphore_fixture f;
  asio::cancellation_signal signal;
  f.sem.async_acquire(1, f.note(1, signal));
  f.sem.release();
  signal.emit(asio::cancellation_type::terminal);
  CHECK(f.polled() == list{{1, {}, 1}});
}

TEST_CASE("close ends waiters and later acquires with the first reason", "[semaphore]") {
  semaphore_fixture f(3);
  f.sem.async_acquire(4, f.note(1));
  f.sem.async_acquire_some(4, f.note(2));
  CHECK_FALSE(f.sem.closed());
  f.sem.close(errc::session_closed);
  f.sem.close(errc::stalled);
  CHECK(f.sem.closed());
  f.sem.async_acquire(1, f.note(3));
  f.sem.release(7);
  CHECK(f.sem.available() == 3);
  CHECK_FALSE(f.sem.try_acquire(1));
  CHECK(f.sem.try_acquire_some(1) == 0);
  const error_code reason = errc::session_closed;
  CHECK(f.polled() == list{{1, reason, 0}, {2, reason, 0}, {3, reason, 0}});
}

TEST_CASE("a semaphore that is destroyed ends its waiters", "[semaphore]") {
  asio::io_context context;
  error_code got;
  auto sem = std::make_unique<semaphore>(context.get_executor());
  sem->async_acquire(1, [&](error_code error, uint64_t) { got = error; });
  sem.reset();
  CHECK_FALSE(got);
  context.poll();
  CHECK(got == operation_aborted);
}

TEST_CASE("handlers run on their own executor, never inside a call", "[semaphore]") {
  asio::io_context other;
  semaphore_fixture f(1);
  const auto bound = [&](int id) { return asio::bind_executor(other.get_executor(), f.note(id)); };
  f.sem.async_acquire(1, bound(1));
  f.sem.async_acquire(1, bound(2));
  f.sem.release();
  f.sem.async_acquire(1, bound(3));
  f.sem.close();
  CHECK(f.polled().empty());
  other.poll();
  CHECK(f.events == list{{1, {}, 1}, {2, {}, 1}, {3, operation_aborted, 0}});
}

namespace {

asio::awaitable<uint64_t> acquire_twice(semaphore& sem) {
  const uint64_t first = co_await sem.async_acquire(2);
  const uint64_t second = co_await sem.async_acquire_some(10, asio::use_awaitable);
  co_return first + second;
}

asio::awaitable<void> release_later(semaphore& sem) {
  for (int i = 0; i < 3; ++i) {
    co_await asio::post(sem.get_executor(), asio::use_awaitable);
    sem.release();
  }
}

asio::awaitable<error_code> acquire_forever(semaphore& sem) {
  auto [error, n] = co_await sem.async_acquire(1, test::as_result);
  CHECK(n == 0);
  co_return error;
}

}  // namespace

TEST_CASE("any completion token will do", "[semaphore]") {
  semaphore_fixture f;
  SECTION("coroutine") {
    asio::co_spawn(f.context, release_later(f.sem), asio::detached);
    CHECK(test::run(f.context, acquire_twice(f.sem)) == 3);
  }
  SECTION("coroutine without exceptions") {
    f.sem.close(errc::draining);
    CHECK(test::run(f.context, acquire_forever(f.sem)) == errc::draining);
  }
  SECTION("coroutine with exceptions") {
    f.sem.close(errc::draining);
    CHECK_THROWS_AS(test::run(f.context, acquire_twice(f.sem)), std::system_error);
  }
  SECTION("future") {
    std::future<uint64_t> got = f.sem.async_acquire(1, asio::use_future);
    std::future<uint64_t> never = f.sem.async_acquire(1, asio::use_future);
    f.sem.release();
    f.sem.close();
    f.polled();
    CHECK(got.get() == 1);
    CHECK_THROWS_AS(never.get(), std::system_error);
  }
  SECTION("detached") {
    f.sem.async_acquire(1, asio::detached);
    f.sem.release(2);
    f.polled();
    CHECK(f.sem.available() == 1);
  }
}

TEST_CASE("a cancelled coroutine leaves the queue", "[semaphore]") {
  semaphore_fixture f;
  asio::cancellation_signal signal;
  std::exception_ptr got;
  auto done = [&](std::exception_ptr error, uint64_t) { got = error; };
  asio::co_spawn(f.context, acquire_twice(f.sem), asio::bind_cancellation_slot(signal.slot(), done));
  f.polled();
  signal.emit(asio::cancellation_type::terminal);
  f.polled();
  CHECK_THROWS_AS(std::rethrow_exception(got), std::system_error);
  f.sem.release(3);
  CHECK(f.sem.available() == 3);
}

namespace {

struct held {
  explicit held(const asio::any_io_executor& executor, std::shared_ptr<int> m)
      : sem(executor), mark(std::move(m)) {}
  semaphore sem;
  std::shared_ptr<int> mark;
};

asio::awaitable<void> wait_on_own(std::shared_ptr<int> mark) {
  held here(co_await asio::this_coro::executor, mark);
  co_await here.sem.async_acquire(1);
}

asio::awaitable<void> wait_on(std::shared_ptr<held> there) { co_await there->sem.async_acquire(1); }

}  // namespace

TEST_CASE("the context may be destroyed before its semaphores and waiters", "[semaphore]") {
  auto mark = std::make_shared<int>();
  auto context = std::make_unique<asio::io_context>();
  // A strand must not outlive its context: the semaphores have to let go of theirs as well.
  std::optional strand(asio::make_strand(*context));
  semaphore outside(context->get_executor());
  semaphore on_strand(*strand);
  const auto never = [mark](error_code, uint64_t) { FAIL("called"); };
  outside.async_acquire(1, never);
  on_strand.async_acquire(1, asio::bind_executor(*strand, never));
  auto shared = std::make_shared<held>(context->get_executor(), mark);
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(*context, wait_on_own(mark), asio::detached);
    asio::co_spawn(*strand, wait_on_own(mark), asio::detached);
    asio::co_spawn(*context, wait_on(shared), asio::detached);
  }
  shared.reset();
  strand.reset();
  context->poll();
  SECTION("while they wait") {}
  SECTION("while their completion is under way") {
    outside.release();
    on_strand.close();
  }
  CHECK(mark.use_count() > 10);
  context.reset();
  CHECK(mark.use_count() == 2);
}

namespace {

asio::awaitable<void> take_turns(semaphore& mine, semaphore& next, std::atomic<int>& rounds) {
  for (int i = 0; i < 200; ++i) {
    co_await mine.async_acquire(1);
    ++rounds;
    next.release();
  }
}

}  // namespace

TEST_CASE("semaphores on the strands of a thread pool", "[semaphore]") {
  asio::thread_pool pool(4);
  struct pair {
    explicit pair(asio::thread_pool& p) : strand(asio::make_strand(p)), ping(strand, 1), pong(strand) {}
    asio::strand<asio::thread_pool::executor_type> strand;
    semaphore ping, pong;
  };
  std::deque<pair> pairs;
  std::atomic<int> rounds = 0;
  for (int i = 0; i < 16; ++i) {
    pair& p = pairs.emplace_back(pool);
    asio::co_spawn(p.strand, take_turns(p.ping, p.pong, rounds), asio::detached);
    asio::co_spawn(p.strand, take_turns(p.pong, p.ping, rounds), asio::detached);
  }
  pool.wait();
  CHECK(rounds == 16 * 2 * 200);
}

namespace {

/// A second, plain implementation of a semaphore.
class model {
 public:
  struct waiter {
    int id;
    uint64_t least, most;
  };

  void acquire(int id, uint64_t least, uint64_t most) {
    queue_.push_back({id, least, most});
    serve();
  }
  uint64_t try_acquire(uint64_t least, uint64_t most) {
    if (!queue_.empty() || available < least) return 0;
    const uint64_t n = std::min(available, most);
    available -= n;
    return n;
  }
  void release(uint64_t n) {
    available += n;
    serve();
  }
  void cancel(int id) {
    const auto is = [id](const waiter& w) { return w.id == id; };
    if (std::erase_if(queue_, is) == 0) return;
    serve();
    expected.push_back({id, operation_aborted, 0});
  }
  const std::deque<waiter>& queue() const { return queue_; }

  uint64_t available = 0;
  std::vector<event> expected;

 private:
  void serve() {
    while (!queue_.empty() && queue_.front().least <= available) {
      const waiter w = queue_.front();
      queue_.pop_front();
      const uint64_t n = std::min(available, w.most);
      available -= n;
      expected.push_back({w.id, {}, n});
    }
  }

  std::deque<waiter> queue_;
};

}  // namespace

TEST_CASE("a million random steps agree with a model", "[semaphore]") {
  std::mt19937_64 random(20240501);
  semaphore_fixture f;
  model m;
  std::map<int, asio::cancellation_signal> signals;
  int next_id = 0;
  const auto settle = [&] {
    REQUIRE(f.polled() == m.expected);
    for (const event& e : m.expected) signals.erase(e.id);
    m.expected.clear();
  };
  for (int step = 0; step < 1'000'000; ++step) {
    const uint64_t n = 1 + random() % 20;
    switch (random() % 8) {
      case 0:
      case 1:
        f.sem.async_acquire(n, f.note(next_id, signals[next_id]));
        m.acquire(next_id++, n, n);
        break;
      case 2:
        f.sem.async_acquire_some(n, f.note(next_id, signals[next_id]));
        m.acquire(next_id++, 1, n);
        break;
      case 3: REQUIRE(f.sem.try_acquire(n) == (m.try_acquire(n, n) == n)); break;
      case 4: REQUIRE(f.sem.try_acquire_some(n) == m.try_acquire(1, n)); break;
      case 5: {
        if (m.queue().empty()) break;
        const std::size_t size = m.queue().size();
        const std::size_t places[] = {0, size / 2, size - 1, random() % size};
        const int victim = m.queue()[places[random() % 4]].id;
        signals[victim].emit(asio::cancellation_type::total);
        m.cancel(victim);
        break;
      }
      default: f.sem.release(n); m.release(n);
    }
    REQUIRE(f.sem.available() == m.available);
    if (random() % 16 == 0) settle();
  }
  settle();
  for (const auto& w : m.queue()) m.expected.push_back({w.id, operation_aborted, 0});
  f.sem.close();
  settle();
}
