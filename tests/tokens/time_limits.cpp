// asio::cancel_after() and cancel_at(), where this Asio has them, on each operation; and co_composed.
#include "operations.hpp"

#if ASIO_VERSION >= 103100

#include <asio/cancel_after.hpp>
#include <asio/cancel_at.hpp>
#include <asio/co_composed.hpp>

#include <map>

namespace {

using namespace tokens_test;

using results = std::map<std::string, error_code>;

/// Starts each operation with the token that `limited` makes of a handler, and runs until all have completed.
template <class Limited>
results started_with(Limited limited) {
  asio::io_context io;
  stage s(io);
  results out;
  std::size_t started = 0;
  each_operation(s, [&](const char* name, auto start) {
    ++started;
    start(limited([&out, name](error_code ec, const auto&...) { out[name] = ec; }));
  });
  test::run_until(io, [&] { return out.size() == started; });
  return out;
}

void check_all_aborted(const results& all) {
  CHECK(all.size() == 16);
  for (const auto& [name, ec] : all) {
    INFO(name);
    CHECK(ec == asio::error::operation_aborted);
  }
}

/// With the executor's default token.
awaitable<> open_in_time(stage& s) {
  sub_stream opened = co_await s.client.async_open(to(network::tcp), asio::cancel_after(10s));
  sub_stream accepted = co_await s.server.async_accept(asio::cancel_after(10s));
  CHECK(opened.id() == accepted.id());
  asio::steady_timer timer(s.ex());
  const auto [ec, n] =
      co_await accepted.async_read_some(asio::buffer(s.buffer), asio::cancel_after(timer, 1ms, as_result));
  CHECK(ec == asio::error::operation_aborted);
  CHECK(n == 0);
}

// An operation of a user, made of the library's.
template <class Token>
auto async_ask(session& s, Token&& token) {
  return asio::async_initiate<Token, void(error_code, std::size_t)>(
      asio::co_composed<void(error_code, std::size_t)>(
          [](auto state, session* over) -> void {
            state.throw_if_cancelled(false);
            auto [failed, stream] =
                co_await over->async_open(to(network::tcp), asio::as_tuple(asio::deferred));
            if (failed) co_return {failed, std::size_t(0)};
            auto [unsent, sent] =
                co_await stream.async_write_some(asio::buffer("ask", 3), asio::as_tuple(asio::deferred));
            co_return {unsent, sent};
          },
          s),
      token, &s);
}

awaitable<> ask(stage& s) {
  const std::size_t n = co_await async_ask(s.client, asio::use_awaitable);
  CHECK(n == 3);
}

}  // namespace

TEST_CASE("cancel_after ends every operation that waits", "[token]") {
  check_all_aborted(started_with([](auto handler) { return asio::cancel_after(5ms, std::move(handler)); }));
}

TEST_CASE("cancel_at ends every operation that waits", "[token]") {
  check_all_aborted(started_with([](auto handler) {
    return asio::cancel_at(std::chrono::steady_clock::now() + 5ms, std::move(handler));
  }));
}

TEST_CASE("cancel_after lets an operation complete in time", "[token]") {
  asio::io_context io;
  stage s(io);
  test::run(io, open_in_time(s));
}

TEST_CASE("operations can be awaited inside co_composed", "[token]") {
  asio::io_context io;
  stage s(io);
  test::run(io, ask(s));
}

#else

TEST_CASE("this Asio has no cancel_after: see MUXPRO_NEWEST_ASIO", "[token]") { SUCCEED(); }

#endif
