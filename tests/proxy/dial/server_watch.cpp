// Probes of a server that fails.
#include "proxy/dial/server_watch.hpp"

#include "catch.hpp"

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <system_error>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using asio::awaitable;

const std::error_code failure = asio::error::connection_reset;

struct watched {
  watched() {
    watch->probe_by([this] { return probe(); });
  }
  awaitable<void> probe() {
    ++probes;
    if (probes <= failures) throw std::system_error(failure);
    co_return;
  }
  void note(std::error_code ec) { watch->note(ec, io.get_executor()); }

  asio::io_context io;
  std::shared_ptr<server_watch> watch = std::make_shared<server_watch>();
  int probes = 0, failures = 0;
};

}  // namespace

TEST_CASE("server watch: probes bring a server back", "[proxy][dial]") {
  watched x;
  x.failures = 1;
  CHECK_FALSE(x.watch->failing());
  x.note(failure);
  x.note(failure);
  CHECK(x.watch->failing());
  while (x.probes == 0) x.io.run_one();
  x.io.poll();
  CHECK(x.watch->failing());  // the first probe fails; asked again, it is probed again
  x.io.run();                 // which ends with the probes
  CHECK(x.probes == 2);
  CHECK_FALSE(x.watch->failing());
}

TEST_CASE("server watch: a success without a probe ends the probes", "[proxy][dial]") {
  watched x;
  x.note(failure);
  CHECK(x.watch->failing());
  x.io.poll();
  x.note({});
  CHECK_FALSE(x.watch->failing());
  x.failures = 100;
  x.io.run();
  CHECK(x.probes <= 1);
}

TEST_CASE("server watch: a server that is of no interest is not probed", "[proxy][dial]") {
  watched x;
  x.note(failure);
  x.io.run_for(std::chrono::milliseconds(3500));
  CHECK(x.probes == 0);
}

TEST_CASE("server watch: a cancelled dial is not counted", "[proxy][dial]") {
  watched x;
  x.note(asio::error::operation_aborted);
  CHECK_FALSE(x.watch->failing());
  CHECK(x.io.run() == 0);
}

TEST_CASE("server watch: goes with its context, a probe under way as well", "[proxy][dial]") {
  const auto watch = std::make_shared<server_watch>();
  {
    asio::io_context io;
    watch->probe_by([]() -> awaitable<void> {
      const auto executor = co_await asio::this_coro::executor;
      for (;;) {
        asio::steady_timer long_time(executor, std::chrono::hours(1));
        co_await long_time.async_wait(asio::use_awaitable);
      }
    });
    watch->note(failure, io.get_executor());
    CHECK(watch->failing());
    io.run_for(std::chrono::milliseconds(2000));
  }
  CHECK(watch.use_count() == 1);
}
