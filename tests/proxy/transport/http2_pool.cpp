// The connections of HTTP/2 that a thread shares.
#include "http2_meeting.hpp"

#include "proxy/transport/http2_pool.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <chrono>
#include <memory>
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
    const auto use = co_await pool->get(dial(), ec);
    co_return ec;
  }

  asio::io_context io;
  std::vector<std::shared_ptr<connection>> peers;
  std::vector<time_point> dials;
};

reuse_limits three_with(duration spacing) {
  reuse_limits l;
  l.connections = {3, 3};
  l.dial_spacing = spacing;
  return l;
}

}  // namespace

TEST_CASE("http2 pool: two dials have a distance", "[proxy][http2]") {
  dialled_place x;
  const auto pool = std::make_shared<http2_pool>(x.io.get_executor(), http2_options(), three_with(30ms));
  for (int i = 0; i < 6; ++i) CHECK_FALSE(test::run(x.io, x.get_from(pool)));
  REQUIRE(x.dials.size() == 3);
  CHECK(x.dials[1] - x.dials[0] >= 30ms);
  CHECK(x.dials[2] - x.dials[1] >= 30ms);
}

TEST_CASE("http2 pool: a wait for the next dial can be cancelled", "[proxy][http2]") {
  dialled_place x;
  const auto pool = std::make_shared<http2_pool>(x.io.get_executor(), http2_options(), three_with(1h));
  CHECK_FALSE(test::run(x.io, x.get_from(pool)));
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(
      x.io, x.get_from(pool),
      asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, std::error_code) { ended = true; }));
  x.io.poll();
  CHECK_FALSE(ended);
  stop.emit(asio::cancellation_type::terminal);
  test::run_until(x.io, [&] { return ended; });
  CHECK(x.dials.size() == 1);
}
