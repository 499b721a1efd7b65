// Sessions that share a budget for unread data: the one that holds the most goes when it runs short.
#include "session_support.hpp"

#include <algorithm>
#include <atomic>
#include <list>
#include <string>
#include <thread>

namespace {

using namespace io_test;

session_options sharing(std::shared_ptr<buffer_budget> budget, std::string user = {}) {
  session_options o;
  o.budget_user = std::move(user);
  o.process_budget = std::move(budget);
  o.max_window = 65536;
  return o;
}

/// Sub-streams to one server whose application reads nothing.
struct hoard {
  hoard(asio::io_context& context, std::shared_ptr<buffer_budget> budget, std::string user = {})
      : sessions(context, {}, sharing(std::move(budget), std::move(user))) {}
  session_pair sessions;
  std::vector<stream_pair> streams;
};

awaitable<> open_streams(hoard& h, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    stream_pair opened = co_await open_pair(h.sessions);
    h.streams.push_back(std::move(opened));
  }
}

awaitable<> fill(hoard& h, std::size_t stream, std::size_t bytes) {
  const std::string data(bytes, 'x');
  co_await write_text(h.streams[stream].client, data);
  co_await yield();
}

awaitable<> shed_the_largest(hoard& a, hoard& b, buffer_budget& budget) {
  co_await open_streams(a, 2);
  co_await open_streams(b, 2);
  co_await fill(a, 0, 60'000);
  co_await fill(b, 0, 60'000);
  co_await fill(b, 1, 60'000);
  CHECK(budget.used() == 180'000);
  CHECK_FALSE(b.sessions.server_fate->has_value());
  co_await fill(a, 1, 15'000);
  REQUIRE(b.sessions.server_fate->has_value());
  CHECK(**b.sessions.server_fate == errc::memory_pressure);
  CHECK_FALSE(a.sessions.server_fate->has_value());
  CHECK(budget.used() == 75'000);
  std::byte one{};
  const auto [error, n] = co_await b.streams[0].server.async_read_some(asio::buffer(&one, 1), as_result);
  CHECK(error == errc::memory_pressure);
  CHECK(n == 0);
  const std::string kept = co_await read_text(a.streams[0].server, 60'000);
  CHECK(kept.size() == 60'000);
}

// What a closed session's sub-streams have not read is still held, and is not what could be let go.
awaitable<> spare_the_closed(hoard& closed, hoard& open, buffer_budget& budget) {
  co_await open_streams(closed, 2);
  co_await open_streams(open, 2);
  co_await fill(closed, 0, 60'000);
  co_await fill(closed, 1, 60'000);
  closed.sessions.server.close();
  co_await yield();
  CHECK(budget.used() == 120'000);
  co_await fill(open, 0, 60'000);
  CHECK_FALSE(open.sessions.server_fate->has_value());
  co_await fill(open, 1, 15'000);
  REQUIRE(open.sessions.server_fate->has_value());
  CHECK(**open.sessions.server_fate == errc::memory_pressure);
  const std::string kept = co_await read_text(closed.streams[0].server, 60'000);
  CHECK(kept.size() == 60'000);
}

using hoards = std::list<hoard>;

// The attackers are one user, and each holds less than the honest uploader.
awaitable<> outlast(hoard& honest, hoards& attackers) {
  co_await open_streams(honest, 2);
  for (hoard& a : attackers) co_await open_streams(a, 1);
  for (std::size_t i = 0; i < 2; ++i) co_await fill(honest, i, 60'000);
  for (hoard& a : attackers) co_await fill(a, 0, 19'000);  // 88 % are used

  sub_stream refused = co_await attackers.front().sessions.client.async_open(to_tcp());
  std::byte one{};
  const auto [error, n] = co_await refused.async_read_some(asio::buffer(&one, 1), as_result);
  CHECK(error == make_error_code(end_code::resources));
  co_await open_streams(honest, 1);
  co_await fill(honest, 2, 1'000);

  const auto gone = [](const hoard& h) { return h.sessions.server_fate->has_value(); };
  for (auto a = attackers.begin();
       a != attackers.end() && std::none_of(attackers.begin(), attackers.end(), gone); ++a)
    co_await fill(*a, 0, 19'000);
  CHECK(std::any_of(attackers.begin(), attackers.end(), gone));
  CHECK_FALSE(gone(honest));
  const std::string kept = co_await read_text(honest.streams[1].server, 60'000);
  CHECK(kept.size() == 60'000);
}

// Holds bytes and cannot be asked, so that it is another's turn.
class gone final : public buffer_budget::holder {
 private:
  bool release_memory() noexcept override { return true; }
};

awaitable<> fill_all(hoard& h) {
  co_await open_streams(h, 8);
  for (std::size_t i = 0; i < 8; ++i) co_await fill(h, i, 60'000);
}

}  // namespace

TEST_CASE("at 95 % of the process's budget the session with the most unread data is closed",
          "[session][memory]") {
  const auto budget = std::make_shared<buffer_budget>(200'000);
  asio::io_context context;
  manual_clock clock(context);
  {
    hoard a(context, budget), b(context, budget);
    run(clock, context, shed_the_largest(a, b, *budget));
  }
  settle(clock, context);
  CHECK(budget->used() == 0);
}

TEST_CASE("an honest uploader outlasts 40 sessions of another user", "[session][memory]") {
  const auto budget = std::make_shared<buffer_budget>(1'000'000);
  asio::io_context context;
  manual_clock clock(context);
  {
    hoard honest(context, budget, "honest");
    hoards attackers;
    for (int i = 0; i < 40; ++i) attackers.emplace_back(context, budget, "attacker");
    run(clock, context, outlast(honest, attackers));
  }
  settle(clock, context);
  CHECK(budget->used() == 0);
}

TEST_CASE("a closed session is not evicted for the memory that its sub-streams hold", "[session][memory]") {
  const auto budget = std::make_shared<buffer_budget>(200'000);
  asio::io_context context;
  manual_clock clock(context);
  {
    hoard a(context, budget), b(context, budget);
    run(clock, context, spare_the_closed(a, b, *budget));
  }
  settle(clock, context);
  CHECK(budget->used() == 0);
}

TEST_CASE("sessions on other threads are evicted", "[session][memory][threads]") {
  const auto budget = std::make_shared<buffer_budget>(300'000);
  std::atomic<int> closed{0};
  const auto work = [&] {
    asio::io_context context;
    hoard h(context, budget);
    asio::co_spawn(context, fill_all(h), [](std::exception_ptr) {});  // a session that is closed throws
    context.run_for(200ms);
    if (*h.sessions.server_fate == make_error_code(errc::memory_pressure)) ++closed;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  for (std::thread& t : threads) t.join();
  CHECK(closed > 0);
  CHECK(budget->used() == 0);
}

TEST_CASE("a session that does not run yet is not evicted", "[session][memory]") {
  const auto budget = std::make_shared<buffer_budget>(100'000);
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor());
  session waits(std::move(a), role::server, sharing(budget));
  gone last;
  budget->take(last, budget->limit());
  context.poll();
  context.restart();
  expected_completion handshake;
  waits.async_handshake(handshake.handler());
  b.close();
  context.poll();
  CHECK(handshake.error() != errc::memory_pressure);
  budget->give(last, budget->limit());
}
