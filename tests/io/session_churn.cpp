// Legitimate load trips no limit: short sub-streams, as fast as they go, over one session with default
// options. They outnumber the ids, so each id is used again.
#include "robustness.hpp"

#include <asio/error.hpp>

namespace io_test {
namespace {

constexpr std::size_t in_flight = 256;

struct churn {
  std::size_t left = 0, answered = 0, workers = 0;
};

/// One byte there and back, and both Ends.
awaitable<> one(session& client, churn& state) {
  sub_stream s = co_await client.async_open(with_data("?"));
  if (co_await read_text(s, 1) != "?") co_return;
  co_await s.async_shutdown();
  std::array<std::byte, 1> rest;
  const auto [error, n] = co_await s.async_read_some(asio::buffer(rest), as_result);
  if (error == asio::error::eof && n == 0) ++state.answered;
}

awaitable<> work(session& client, churn& state) {
  ++state.workers;
  while (state.left != 0) {
    --state.left;
    co_await one(client, state);
  }
  --state.workers;
}

awaitable<> with_pauses(session& client, churn& state) {
  for (const duration pause : std::initializer_list<duration>{500ms, 1500ms, 70s, 3s, 200s}) {
    co_await one(client, state);
    co_await sleep_for(pause);
  }
}

void hold(std::size_t number, session_pair& p, asio::io_context& context) {
  churn state{.left = number};
  spawn(context, serve_echo(p.server));
  for (std::size_t i = 0; i != in_flight; ++i) spawn(context, work(p.client, state));
  test::run_until(
      context, [&] { return state.answered == number && state.workers == 0; }, 300s);
  CHECK_FALSE(*p.client_fate);
  CHECK_FALSE(*p.server_fate);
  CHECK(p.server.stats().opened == number);
  CHECK(p.server.stats().glitches + p.client.stats().glitches == 0);
}

}  // namespace

TEST_CASE("100,000 short sub-streams as fast as one session can", "[session][churn]") {
  asio::io_context context;
  session_pair p(context);
  hold(steps(100'000), p, context);
}

TEST_CASE("100,000 short sub-streams as fast as one session over TCP can", "[session][churn]") {
  asio::io_context context;
  auto [near, far] = tcp_pair(context);
  session_pair p(session(std::move(near), role::client), session(std::move(far), role::server));
  hold(steps(100'000), p, context);
}

// After a second it frees what it had for them, and after a minute its records of their ids.
TEST_CASE("a session that was without sub-streams for a while serves the next one", "[session][churn]") {
  asio::io_context context;
  manual_clock clock{context};
  session_pair p(context);
  churn state;
  spawn(context, serve_echo(p.server));
  spawn(context, with_pauses(p.client, state));
  clock.run_for(context, 280s);
  CHECK(state.answered == 5);
  CHECK_FALSE(*p.client_fate);
  CHECK_FALSE(*p.server_fate);
  CHECK(p.server.stats().glitches + p.client.stats().glitches == 0);
}

}  // namespace io_test
