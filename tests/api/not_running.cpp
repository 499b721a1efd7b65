// A session whose async_run() was forgotten: what waits for it ends with errc::not_running.
#include "io/session_support.hpp"

using namespace io_test;

namespace {

/// A session that is not run, against a peer that answers the negotiation.
struct forgotten {
  explicit forgotten(role side, session_options options = {}) {
    auto [a, b] = make_pipe(context.get_executor());
    subject = session(std::move(a), side, options);
    other = session(std::move(b), side == role::client ? role::server : role::client, options);
  }
  void pass(duration by) { clock.run_for(context, by); }

  asio::io_context context;
  manual_clock clock{context};
  session subject, other;
  expected_completion result;
};

awaitable<> open_and_write(session& s, expected_completion& written) {
  co_await s.async_handshake();
  sub_stream opened = co_await s.async_open(to_tcp());
  const std::string much(10'000, 'x');
  const auto [error, n] = co_await asio::async_write(opened, asio::buffer(much), as_result);
  written.handler()(error, n);
}

}  // namespace

TEST_CASE("an open of a session that does not run ends after negotiate_timeout", "[session][misuse]") {
  forgotten f(role::client);
  f.subject.async_open(to_tcp(), f.result.handler());
  f.pass(9s);
  CHECK_FALSE(f.result.done());
  f.pass(2s);
  REQUIRE(f.result.done());
  CHECK(f.result.error() == errc::not_running);
  CHECK(f.subject.close_reason() == errc::not_running);
  CHECK_FALSE(f.subject.is_open());
}

TEST_CASE("an accept of a session that does not run ends after negotiate_timeout", "[session][misuse]") {
  session_options options;
  options.negotiate_timeout = 3s;
  forgotten f(role::server, options);
  f.subject.async_accept(f.result.handler());
  f.pass(2900ms);
  CHECK_FALSE(f.result.done());
  f.pass(200ms);
  REQUIRE(f.result.done());
  CHECK(f.result.error() == errc::not_running);
}

TEST_CASE("a write of a session that was negotiated and does not run ends", "[session][misuse]") {
  forgotten f(role::client);
  run_in_background(f.other);
  spawn(f.context, open_and_write(f.subject, f.result));
  f.pass(9s);
  CHECK(f.subject.negotiated());
  CHECK_FALSE(f.result.done());
  f.pass(2s);
  REQUIRE(f.result.done());
  CHECK(f.result.error() == errc::not_running);
}

TEST_CASE("an accept that waits while the session is negotiated ends if it does not run",
          "[session][misuse]") {
  forgotten f(role::server);
  f.subject.async_accept(f.result.handler());
  f.pass(5s);
  expected_completion handshake;
  f.subject.async_handshake(handshake.handler());
  run_in_background(f.other);
  f.pass(6s);
  CHECK(handshake.done());
  CHECK_FALSE(f.result.done());
  f.pass(6s);
  REQUIRE(f.result.done());
  CHECK(f.result.error() == errc::not_running);
}

TEST_CASE("a session that is run in time goes on for longer than negotiate_timeout", "[session][misuse]") {
  session_options options;
  options.session_idle = 1h;
  forgotten f(role::server, options);
  f.subject.async_accept(f.result.handler());
  f.pass(9s);
  const fate ended = run_in_background(f.subject);
  run_in_background(f.other);
  f.pass(10min);
  CHECK_FALSE(f.result.done());
  CHECK_FALSE(ended->has_value());
  CHECK(f.subject.is_open());
}

TEST_CASE("a session without operations waits for async_run for any time", "[session][misuse]") {
  forgotten f(role::client);
  f.pass(1h);
  CHECK(f.subject.is_open());
  CHECK_FALSE(f.subject.close_reason());
}
