// The connections of HTTP/2 that a thread shares.
#include "http2_meeting.hpp"

#include "proxy/transport/http2_pool.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

namespace {

using namespace http2_test;

/// A place that takes connections, and sends nothing.
struct dialled_place {
  transport::opener dial() {
    return [this](std::error_code&) -> awaitable<std::shared_ptr<connection>> {
      auto [near, far] = make_pipe(io.get_executor(), 1 << 16);
      peers.push_back(shared(std::move(far)));
      dials.push_back(std::chrono::steady_clock::now());
      co_return shared(std::move(near));
    };
  }
  awaitable<std::error_code> get_from(std::shared_ptr<http2_pool> pool) {
    std::error_code ec;
    auto use = co_await pool->get(dial(), ec);
    uses.push_back(std::move(use));
    co_return ec;
  }
  std::shared_ptr<http2_pool> pool_of(const reuse_limits& l, duration spacing) {
    return std::make_shared<http2_pool>(io.get_executor(), http2_options(), l,
                                        std::make_shared<spaced_dials>(spacing));
  }

  asio::io_context io;
  std::vector<std::shared_ptr<connection>> peers;
  std::vector<time_point> dials;
  std::vector<std::shared_ptr<http2_use>> uses;
};

reuse_limits one_at_a_time() {
  reuse_limits l;
  l.concurrency = {1, 1};
  return l;
}

}  // namespace

TEST_CASE("http2 pool: two dials have a distance", "[proxy][http2]") {
  dialled_place x;
  const auto pool = x.pool_of(one_at_a_time(), 30ms);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) CHECK_FALSE(test::run(x.io, x.get_from(pool)));
  REQUIRE(x.dials.size() == 3);
  CHECK(x.dials[1] - began >= 30ms);
  CHECK(x.dials[2] - began >= 60ms);
}

TEST_CASE("http2 pool: a request does not wait for a dial that it does not need", "[proxy][http2]") {
  dialled_place x;
  reuse_limits three;
  three.connections = {3, 3};
  const auto pool = x.pool_of(three, 1h);
  for (int i = 0; i < 4; ++i) CHECK_FALSE(test::run(x.io, x.get_from(pool)));
  CHECK(x.dials.size() == 1);
}

TEST_CASE("http2 pool: a wait for the next dial can be cancelled", "[proxy][http2]") {
  dialled_place x;
  const auto pool = x.pool_of(one_at_a_time(), 1h);
  CHECK_FALSE(test::run(x.io, x.get_from(pool)));
  asio::cancellation_signal stop;
  std::optional<std::error_code> ended;
  asio::co_spawn(
      x.io, x.get_from(pool),
      asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, std::error_code ec) { ended = ec; }));
  x.io.restart();
  x.io.poll();
  CHECK_FALSE(ended);
  stop.emit(asio::cancellation_type::terminal);
  test::run_until(x.io, [&] { return ended.has_value(); });
  CHECK(*ended == asio::error::operation_aborted);
  CHECK(x.dials.size() == 1);
}

TEST_CASE("http2 pool: a dial that was not begun takes no time of others", "[proxy][http2]") {
  spaced_dials dials(1s);
  const time_point now(100s);
  CHECK(dials.is_free(now));
  CHECK(dials.begin(now));
  CHECK_FALSE(dials.is_free(now));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(dials.begin(now + 999ms));
  CHECK(dials.next() == now + 1s);
  CHECK(dials.begin(now + 1s));
  CHECK(dials.next() == now + 2s);
}
