// Relays that fail, are cancelled or destroyed at every step.
#include "relay_support.hpp"

#include <muxpro/testing/each_failure.hpp>

#include <asio/bind_executor.hpp>

using namespace io_test;

namespace {

/// Both peers talk through a relay with buffers so small that every operation has to wait at times.
struct busy_relay : relayed {
  explicit busy_relay(std::shared_ptr<fault> faults = std::make_shared<fault>()) : relayed(20, faults) {
    relay_options options;
    options.buffer = 16;
    start(options);
    play(client, up);
    play(server, down);
  }

  bool whole() const { return up.got.data == down.to_send && down.got.data == up.to_send; }
  bool clean() const { return up.got.error == asio::error::eof && down.got.error == asio::error::eof; }

  peer_script up{pattern(100)}, down{pattern(150, 33)};
};

}  // namespace

TEST_CASE("a relay reports a failure at every step, once, and neither side sees a clean end", "[relay]") {
  const std::size_t steps = muxpro::testing::each_failure([](std::shared_ptr<fault> faults) {
    busy_relay r(faults);
    r.run_ready();
    REQUIRE(r.outcome.calls == 1);
    if (!faults->fired()) {
      CHECK_FALSE(r.outcome.error);
      CHECK((r.whole() && r.clean()));
      return;
    }
    CHECK(r.outcome.error == asio::error::connection_reset);
    CHECK(r.outcome.result.failed != relay_side::none);
    CHECK_FALSE(r.clean());
    CHECK(r.outcome.result.a_to_b >= r.down.got.data.size());
    CHECK(r.outcome.result.b_to_a >= r.up.got.data.size());
  });
  CHECK(steps > 30);
}

TEST_CASE("a relay that is cancelled after any handler completes once, after both directions", "[relay]") {
  using asio::cancellation_type;
  for (const auto type :
       {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
    bool finished_before = false;
    std::size_t steps = 0;
    for (; !finished_before; ++steps) {
      busy_relay r;
      for (std::size_t n = 0; n < steps; ++n) r.context.poll_one();
      finished_before = r.outcome.done();
      r.stop.emit(type);
      CHECK(r.outcome.done() == finished_before);
      r.run_ready();
      REQUIRE(r.outcome.calls == 1);
      if (r.whole() && r.clean()) continue;
      CHECK(r.outcome.error == asio::error::operation_aborted);
      CHECK_FALSE(r.clean());
    }
    CHECK(steps > 60);
  }
}

TEST_CASE("the context of a relay may be destroyed after any handler", "[relay]") {
  bool finished = false;
  for (std::size_t steps = 0; !finished; ++steps) {
    auto token = std::make_shared<int>();
    bool called = false;
    {
      auto context = std::make_unique<asio::io_context>();
      auto left = make_pipe(context->get_executor(), 20);
      auto right = make_pipe(context->get_executor(), 20);
      peer_script up(pattern(100)), down(pattern(150, 33));
      async_relay(left.second, right.first, relay_options(),
                  [token, &called](error_code, relay_result) { called = true; });
      play(left.first, up);
      play(right.second, down);
      for (std::size_t n = 0; n < steps; ++n) context->poll_one();
      finished = called;
      context.reset();
    }
    CHECK(token.use_count() == 1);
  }
}

namespace {

awaitable<> relay_that_owns(pipe_end a, pipe_end b, bool& done) {
  const auto result = co_await async_relay(a, b, relay_options(), as_result);
  done = !std::get<0>(result);
}

}  // namespace

TEST_CASE("the context may take the streams of a relay with it", "[relay]") {
  bool finished = false;
  for (std::size_t steps = 0; !finished; ++steps) {
    auto context = std::make_unique<asio::io_context>();
    auto left = make_pipe(context->get_executor(), 20);
    auto right = make_pipe(context->get_executor(), 20);
    peer_script up(pattern(100)), down(pattern(150, 33));
    bool done = false;
    spawn(*context, relay_that_owns(std::move(left.second), std::move(right.first), done));
    play(left.first, up);
    play(right.second, down);
    for (std::size_t n = 0; n < steps; ++n) context->poll_one();
    finished = done;
    context.reset();
  }
}

TEST_CASE("a relay completes on the executor of its handler", "[relay]") {
  relayed r;
  asio::io_context own;
  bool called = false;
  async_relay(
      *r.a, *r.b, relay_options(),
      asio::bind_executor(own.get_executor(), [&called](error_code, relay_result) { called = true; }));
  r.client.close();
  r.run_ready();
  CHECK_FALSE(called);
  own.run();
  CHECK(called);
}
