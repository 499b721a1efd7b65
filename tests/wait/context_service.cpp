#include "catch.hpp"
#include "support.hpp"

#include <muxpro/detail/context_service.hpp>
#include <muxpro/detail/pending_op.hpp>

#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace muxpro;
using namespace std::chrono_literals;
using detail::context_timer;

struct participant final : detail::shutdown_participant {
  explicit participant(const asio::any_io_executor& executor, std::function<void()> f = {})
      : dropped(std::move(f)) {
    register_with(executor);
  }
  void context_destroyed() noexcept override {
    ++told;
    if (dropped) dropped();
  }
  int told = 0;
  std::function<void()> dropped;
};

detail::context_service& service(asio::io_context& context) {
  return asio::use_service<detail::context_service>(context);
}

}  // namespace

TEST_CASE("a parked object is informed once that the context is destroyed", "[context_service]") {
  auto context = std::make_unique<asio::io_context>();
  participant first(context->get_executor());
  auto gone = std::make_unique<participant>(context->get_executor(), [] { FAIL("it had left"); });
  participant last(asio::make_strand(*context));
  gone.reset();
  context.reset();
  CHECK(first.told == 1);
  CHECK(last.told == 1);
}

TEST_CASE("a parked object may destroy itself and others when informed", "[context_service]") {
  auto context = std::make_unique<asio::io_context>();
  std::vector<std::unique_ptr<participant>> all(4);
  int told = 0;
  for (auto& p : all) {
    p = std::make_unique<participant>(context->get_executor(), [&] {
      ++told;
      // Moved out first: the function object that runs here dies with its owner.
      auto doomed = std::move(all);
      all.clear();
    });
  }
  context.reset();
  CHECK(told == 1);
}

TEST_CASE("registration is safe from many threads of a context", "[context_service]") {
  asio::thread_pool pool(4);
  for (int i = 0; i < 200; ++i) {
    asio::post(pool, [&pool] {
      participant here(pool.get_executor());
      std::this_thread::yield();
    });
  }
  pool.join();
}

TEST_CASE("a wake-up follows real time by default", "[context_service]") {
  asio::io_context context;
  context_timer timer(context.get_executor());
  bool done = false;
  const auto until = timer.now() + 5ms;
  timer.async_wait_until(until, [&](error_code error) {
    CHECK_FALSE(error);
    CHECK(timer.now() >= until);
    done = true;
  });
  CHECK(service(context).next_expiry() == detail::clock::time_point::max());
  test::run_until(context, [&] { return done; });
}

TEST_CASE("with a manual clock nothing happens until it is advanced", "[context_service]") {
  asio::io_context context;
  service(context).make_manual();
  context_timer early(context.get_executor()), late(context.get_executor());
  const auto begin = early.now();
  std::vector<int> order;
  early.async_wait_until(begin + 1h, [&](error_code) { order.push_back(1); });
  late.async_wait_until(begin + 2h, [&](error_code) { order.push_back(2); });
  CHECK(service(context).next_expiry() == begin + 1h);
  std::this_thread::sleep_for(2ms);
  context.poll();
  CHECK(order.empty());
  CHECK(early.now() == begin);

  service(context).advance(1h - 1ns);
  context.poll();
  CHECK(order.empty());
  service(context).advance(1ns);
  CHECK(order.empty());
  context.poll();
  CHECK(order == std::vector<int>{1});
  CHECK(service(context).next_expiry() == begin + 2h);
  service(context).advance(5h);
  context.poll();
  CHECK(order == std::vector<int>{1, 2});
  CHECK(early.now() == begin + 6h);
  CHECK(service(context).next_expiry() == detail::clock::time_point::max());
}

TEST_CASE("a manual wait for a time that has passed ends at once", "[context_service]") {
  asio::io_context context;
  service(context).make_manual();
  context_timer timer(context.get_executor());
  bool done = false;
  timer.async_wait_until(timer.now(), [&](error_code) { done = true; });
  CHECK_FALSE(done);
  test::run_until(context, [&] { return done; });
}

TEST_CASE("cancelling, setting again and destroying end a wait early", "[context_service]") {
  asio::io_context context;
  service(context).make_manual();
  auto timer = std::make_unique<context_timer>(context.get_executor());
  const auto begin = timer->now();
  int aborted = 0;
  const auto count = [&](error_code error) { aborted += error == asio::error::operation_aborted; };
  timer->async_wait_until(begin + 1h, count);
  timer->cancel();
  CHECK(service(context).next_expiry() == detail::clock::time_point::max());
  timer->async_wait_until(begin + 1h, count);
  timer->async_wait_until(begin + 3h, count);
  CHECK(service(context).next_expiry() == begin + 3h);
  timer.reset();
  CHECK(service(context).next_expiry() == detail::clock::time_point::max());
  context.poll();
  CHECK(aborted == 3);
}

TEST_CASE("a wait that begins after its time was set and has passed does not hang", "[context_service]") {
  asio::io_context context;
  service(context).make_manual();
  context_timer timer(context.get_executor());
  const auto until = timer.now() + 1h;
  // A coroutine that has named the wait and not awaited it yet.
  asio::awaitable<void> wait = timer.async_wait_until(until, asio::use_awaitable);
  service(context).advance(2h);
  test::run(context, std::move(wait), 5s);
  CHECK(timer.now() >= until);
}

TEST_CASE("a context counts its timers, set or not", "[context_service]") {
  asio::io_context context, other;
  CHECK(service(context).timers() == 0);
  {
    context_timer own(context.get_executor());
    auto asios = std::make_unique<detail::counted_timer>(asio::make_strand(context), 1h);
    CHECK(service(context).timers() == 2);
    const detail::counted_timer moved(std::move(*asios));
    asios.reset();
    CHECK(service(context).timers() == 2);
    own.async_wait_until(own.now() + 1h, [](error_code) {});
    own.cancel();
    CHECK(service(context).timers() == 2);
    CHECK(service(other).timers() == 0);
  }
  CHECK(service(context).timers() == 0);
}

TEST_CASE("the context may be destroyed while a timer waits", "[context_service]") {
  auto alive = std::make_shared<int>();
  {
    asio::io_context context;
    service(context).make_manual();
    auto timer = std::make_shared<context_timer>(context.get_executor());
    auto& t = *timer;
    t.async_wait_until(t.now() + 1h, [alive, timer](error_code) { FAIL("called"); });
    timer.reset();
  }
  CHECK(alive.use_count() == 1);
}
