// What a Release build answers to an operation of an empty handle: errc::bad_handle. Compiled with NDEBUG.
#include "tokens/operations.hpp"

#include <asio/bind_executor.hpp>
#include <asio/system_executor.hpp>

#include <future>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#if !defined(NDEBUG)
#error "these tests are of builds without assertions"
#endif

namespace {

using namespace tokens_test;

/// Moves from every handle of the stage, and keeps what was behind it.
struct moved_from {
  explicit moved_from(stage& s)
      : client(std::move(s.client)),
        server(std::move(s.server)),
        unanswered(std::move(s.unanswered)),
        pool(std::move(s.pool)),
        datagrams(std::move(s.datagrams)) {
    for (sub_stream* stream : {&s.full, &s.ending, &s.quiet}) streams.push_back(std::move(*stream));
    for (auto& wire : s.wires) ends.push_back(std::move(wire.first));
  }
  session client, server, unanswered;
  client_pool pool;
  sub_datagram datagrams;
  std::vector<sub_stream> streams;
  std::vector<pipe_end> ends;
};

awaitable<> awaited(stage& s) {
  const auto [error, n] = co_await s.quiet.async_read_some(asio::buffer(s.buffer), as_result);
  CHECK(error == errc::bad_handle);
  CHECK(n == 0);
}

}  // namespace

TEST_CASE("operations of an empty handle complete with bad_handle", "[misuse]") {
  asio::io_context io;
  stage s(io);
  const moved_from kept(s);
  const std::set<std::string> never_empty{"semaphore::async_acquire", "semaphore::async_acquire_some",
                                          "one_shot::async_wait"};
  std::size_t started = 0, refused = 0;
  const auto check = [&](const std::string& name, auto start) {
    if (never_empty.count(name) > 0) return;
    ++started;
    start(asio::bind_executor(io, [&, name](error_code ec, const auto&...) {
      INFO(name);
      CHECK(ec == errc::bad_handle);
      ++refused;
    }));
  };
  each_operation(s, check);
  each_other_operation(s, check);
  CHECK(refused == 0);
  test::run_until(io, [&] { return refused == started; });
  test::run(io, awaited(s));
}

TEST_CASE("a handler without an executor runs on the system executor", "[misuse]") {
  session empty;
  std::promise<error_code> ended;
  empty.async_accept([&ended](error_code ec, const sub_stream&) { ended.set_value(ec); });
  CHECK(ended.get_future().get() == errc::bad_handle);
}

TEST_CASE("what an empty handle returns is empty", "[misuse]") {
  const asio::any_io_executor none{asio::system_executor()};
  session s;
  CHECK_FALSE(s.valid());
  CHECK(s.get_executor() == none);
  CHECK_FALSE(s.negotiated());
  CHECK(s.stats().opened == 0);
  s.close();

  sub_stream stream;
  CHECK_FALSE(stream.valid());
  CHECK(stream.get_executor() == none);
  CHECK(stream.id() == 0);
  CHECK(stream.target() == destination());
  CHECK(stream.priority() == 0);
  CHECK_FALSE(stream.source());
  CHECK(stream.stats().unread == 0);
  stream.close();
  stream.reset();

  sub_datagram datagrams;
  CHECK_FALSE(datagrams.valid());
  CHECK(datagrams.get_executor() == none);
  CHECK(datagrams.stats().unread == 0);
  datagrams.close();

  client_pool pool;
  CHECK_FALSE(pool.valid());
  CHECK(pool.get_executor() == none);
  CHECK(pool.stats().opened == 0);
  CHECK(pool.sessions().empty());
  open_request request = to(network::tcp);
  error_code ec;
  CHECK(pool.try_open(request, ec, stream));
  CHECK(ec == errc::bad_handle);
  pool.close();

  pipe_end end;
  CHECK_FALSE(end.valid());
  CHECK(end.get_executor() == none);
  CHECK(end.available() == 0);
  CHECK(end.memory() == 0);
  end.close();
}

TEST_CASE("a session over an empty handle is refused", "[misuse]") {
  CHECK_THROWS_AS(session(pipe_end(), role::client), std::invalid_argument);
  CHECK_THROWS_AS(session(sub_stream(), role::client), std::invalid_argument);
}
