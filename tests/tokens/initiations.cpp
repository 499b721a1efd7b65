// What completion tokens other than callbacks ask of an operation: its executor, and to start later.
#include "operations.hpp"

#include <asio/experimental/awaitable_operators.hpp>

#include <array>

namespace {

using namespace tokens_test;

/// A token that does not start the operation and returns the executor of its initiation.
struct executor_probe {};

}  // namespace

template <ASIO_COMPLETION_SIGNATURE Signature>
struct asio::async_result<executor_probe, Signature> {
  template <class Initiation, class... Args>
  static asio::any_io_executor initiate(Initiation&& initiation, executor_probe, Args&&...) {
    typename std::decay_t<Initiation>::executor_type executor = initiation.get_executor();
    return executor;
  }
};

namespace {

awaitable<> both(stage& s) {
  using namespace asio::experimental::awaitable_operators;
  auto [here, there] = co_await (s.client.async_open(to(network::tcp)) && s.server.async_accept());
  CHECK(here.id() == there.id());
  co_await asio::async_write(here, asio::buffer("word", 4), asio::use_awaitable);
  std::string got(4, ' ');
  const std::size_t n = co_await there.async_read_some(asio::buffer(got));
  CHECK(n == 4);
  CHECK(got == "word");
}

awaitable<> either(stage& s) {
  using namespace asio::experimental::awaitable_operators;
  counted_timer soon(s.ex(), 1ms);
  const auto winner =
      co_await (s.quiet.async_read_some(asio::buffer(s.buffer)) || soon.async_wait(asio::use_awaitable));
  CHECK(winner.index() == 1);
  co_await asio::async_write(s.accepted[2], asio::buffer("late", 4), asio::use_awaitable);
  const std::size_t n = co_await s.quiet.async_read_some(asio::buffer(s.buffer));
  CHECK(n == 4);
}

awaitable<> without_exceptions(stage& s) {
  s.accepted[2].reset(end_code::unreachable);
  const auto [error, n] = co_await s.quiet.async_read_some(asio::buffer(s.buffer), as_result);
  CHECK(error == end_code::unreachable);
  CHECK(n == 0);
}

}  // namespace

TEST_CASE("every operation names its executor", "[token]") {
  asio::io_context io;
  stage s(io);
  const auto check = [&](const char* name, auto start) {
    INFO(name);
    CHECK(start(executor_probe()) == s.ex());
  };
  each_operation(s, check);
  each_other_operation(s, check);
}

TEST_CASE("every operation can be deferred, and starts when it is called", "[token]") {
  asio::io_context io;
  stage s(io);
  int completed = 0;
  const auto check = [&](const char*, auto start) {
    auto later = start(deferred);
    std::move(later)([&completed](error_code, const auto&...) { ++completed; });
  };
  each_operation(s, [&](const char* name, auto start) {
    auto never_started = start(deferred);
    (void)never_started;
    (void)name;
  });
  each_other_operation(s, check);
  io.restart();
  io.poll();
  CHECK(completed >= 4);
  CHECK(s.client.stats().opened == 4);
}

TEST_CASE("awaitable operators join and race operations", "[token]") {
  asio::io_context io;
  stage s(io);
  test::run(io, both(s));
  test::run(io, either(s));
}

TEST_CASE("as_tuple shows an error as a value", "[token]") {
  asio::io_context io;
  stage s(io);
  test::run(io, without_exceptions(s));
}
