// Streams whose operations are coroutines: how they complete, are cancelled and go.
#include "catch.hpp"
#include "support.hpp"

#include "proxy/transport/coroutine_stream.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;

/// Each operation waits for the timer, if it is set.
struct slow_core {
  static constexpr bool closes_with_stream = true;

  explicit slow_core(asio::io_context& io) : timer(io, asio::steady_timer::time_point::max()) {}
  asio::any_io_executor get_executor() { return timer.get_executor(); }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) {
    co_await wait(ec);
    co_return ec ? 0 : into.size() / 2;
  }
  asio::awaitable<void> write(asio::const_buffer, std::error_code& ec) { co_await wait(ec); }
  asio::awaitable<void> finish() {
    std::error_code ignored;
    co_await wait(ignored);
  }
  void cut(end_code) noexcept { close(); }
  void close() noexcept { closed = true; }

  asio::awaitable<void> wait(std::error_code& ec) {
    if (thrown) std::rethrow_exception(thrown);
    if (!waits) co_return;
    const auto [why] = co_await timer.async_wait(test::as_result);
    ec = why;
  }

  asio::steady_timer timer;
  std::exception_ptr thrown;
  bool waits = true, closed = false;
};

struct scene {
  asio::io_context io;
  std::shared_ptr<slow_core> core = std::make_shared<slow_core>(io);
  std::optional<coroutine_stream<slow_core>> stream{core};
  asio::cancellation_signal stop;
  std::string ends;
  std::array<char, 8> room{};

  auto noted() {
    return [this](std::error_code ec, std::size_t n) {
      ends += ec ? (ec == asio::error::operation_aborted ? "aborted;" : ec.message() + ";")
                 : std::to_string(n) + ";";
    };
  }
  void read() {
    stream->async_read_some(asio::buffer(room), asio::bind_cancellation_slot(stop.slot(), noted()));
  }
};

}  // namespace

TEST_CASE("a coroutine stream completes later, with the bytes of its core", "[proxy][coroutine_stream]") {
  scene s;
  s.core->waits = false;
  s.read();
  s.stream->async_write_some(asio::buffer(s.room), s.noted());
  s.stream->async_write_some(asio::const_buffer(), s.noted());
  s.stream->async_shutdown([&](std::error_code ec) { s.ends += ec ? "failed" : "end"; });
  CHECK(s.ends.empty());
  s.io.run();
  CHECK(s.ends == "4;8;0;end");
}

TEST_CASE("an exception in the coroutine of a stream is an error", "[proxy][coroutine_stream]") {
  scene s;
  s.core->thrown = std::make_exception_ptr(std::bad_alloc());
  s.read();
  s.io.run();
  CHECK(s.ends == make_error_code(errc::out_of_room).message() + ";");
}

TEST_CASE("cancellation ends the coroutine of a stream, of whatever type it is",
          "[proxy][coroutine_stream]") {
  for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::total}) {
    scene s;
    s.read();
    s.io.run_for(1ms);
    CHECK(s.ends.empty());
    s.stop.emit(type);
    s.io.restart();
    s.io.run();
    CHECK(s.ends == "aborted;");
  }
}

TEST_CASE("cancellation that arrives when the coroutine has ended does nothing",
          "[proxy][coroutine_stream]") {
  scene s;
  s.read();
  s.io.run_for(1ms);
  s.core->timer.cancel();  // completes first
  s.stop.emit(asio::cancellation_type::terminal);
  s.io.restart();
  s.io.run();
  CHECK(s.ends == "aborted;");
}

TEST_CASE("a stream that goes closes its core, and the operation stays", "[proxy][coroutine_stream]") {
  scene s;
  s.read();
  s.io.run_for(1ms);
  s.stream.reset();
  CHECK(s.core->closed);
  CHECK(s.ends.empty());
  s.core->timer.cancel();
  s.io.restart();
  s.io.run();
  CHECK(s.ends == "aborted;");
}

TEST_CASE("an operation that still waits goes with its context, without a call",
          "[proxy][coroutine_stream]") {
  std::string ends;
  const auto held = std::make_shared<int>(0);
  {
    asio::io_context io;
    const auto core = std::make_shared<slow_core>(io);
    coroutine_stream<slow_core> stream(core);
    std::array<char, 8> room{};
    stream.async_read_some(asio::buffer(room),
                           [&ends, held](std::error_code, std::size_t) { ends = "called"; });
    io.run_for(1ms);
    CHECK(held.use_count() == 2);
  }
  CHECK(ends.empty());
  CHECK(held.use_count() == 1);
}
