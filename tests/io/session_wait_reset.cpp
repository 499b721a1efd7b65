// Waiting for the cut of a sub-stream, which takes none of its bytes.
#include "session_support.hpp"

#include <asio/bind_cancellation_slot.hpp>

namespace {

using namespace io_test;

/// An open sub-stream whose server side waits for its cut.
struct watched_stream {
  watched_stream() {
    run(clock, context, open());
    ends.server.async_wait_reset(cut.handler());
    settle(clock, context);
    CHECK_FALSE(cut.done());
  }
  awaitable<> open() { ends = co_await open_pair(sessions); }
  void check(error_code expected) {
    settle(clock, context);
    REQUIRE(cut.done());
    CHECK(cut.error() == expected);
  }

  asio::io_context context;
  manual_clock clock{context};
  session_pair sessions{context};
  stream_pair ends;
  expected_completion cut;
};

}  // namespace

TEST_CASE("the peer's abort is a cut", "[session][cut]") {
  watched_stream s;
  s.ends.client.reset(end_code::timeout);
  s.check(end_code::timeout);
}

TEST_CASE("the end of the session is a cut", "[session][cut]") {
  watched_stream s;
  s.sessions.server.close();
  s.check(errc::session_closed);
}

TEST_CASE("a reset by this side is a cut", "[session][cut]") {
  watched_stream s;
  s.ends.server.reset(end_code::rejected);
  s.check(errc::stream_reset);
}

TEST_CASE("an orderly end is no cut, and ends the wait", "[session][cut]") {
  watched_stream s;
  s.ends.client.async_shutdown([](error_code) {});
  settle(s.clock, s.context);
  CHECK_FALSE(s.cut.done());
  s.ends.server.async_shutdown([](error_code) {});
  s.check(asio::error::eof);
  expected_completion late;
  s.ends.server.async_wait_reset(late.handler());
  settle(s.clock, s.context);
  CHECK(late.error() == asio::error::eof);
}

TEST_CASE("closing and destroying end the wait for a cut", "[session][cut]") {
  watched_stream closed, destroyed;
  closed.ends.server.close();
  closed.check(asio::error::operation_aborted);
  destroyed.ends.server = sub_stream();
  destroyed.check(asio::error::operation_aborted);
}

TEST_CASE("the wait for a cut can be cancelled and begun again", "[session][cut]") {
  watched_stream s;
  expected_completion second;
  s.ends.server.async_wait_reset(second.handler());
  settle(s.clock, s.context);
  CHECK(second.error() == errc::operation_in_progress);
  s.ends.server.close();
  s.check(asio::error::operation_aborted);

  watched_stream again;
  again.ends.client.reset(end_code::rejected);
  again.check(end_code::rejected);
  expected_completion late;
  again.ends.server.async_wait_reset(late.handler());
  settle(again.clock, again.context);
  CHECK(late.error() == end_code::rejected);
}

TEST_CASE("each type of cancellation ends the wait for a cut", "[session][cut]") {
  using asio::cancellation_type;
  for (const cancellation_type type :
       {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
    asio::io_context context;
    manual_clock clock(context);
    session_pair sessions(context);
    stream_pair ends;
    const auto open = [](session_pair& p, stream_pair& to) -> awaitable<> { to = co_await open_pair(p); };
    run(clock, context, open(sessions, ends));
    asio::cancellation_signal stop;
    expected_completion cut;
    ends.client.async_wait_reset(asio::bind_cancellation_slot(stop.slot(), cut.handler()));
    stop.emit(type);
    settle(clock, context);
    REQUIRE(cut.done());
    CHECK(cut.error() == asio::error::operation_aborted);
  }
}

TEST_CASE("waiting for a cut takes no bytes and gives no credit", "[session][cut]") {
  watched_stream s;
  std::string data(65536, 'x');
  s.ends.client.async_write_some(asio::buffer(data), [](error_code, std::size_t) {});
  settle(s.clock, s.context);
  CHECK(s.ends.client.stats().send_credit == 0);
  CHECK(s.ends.server.stats().unread == 65536);
  CHECK_FALSE(s.cut.done());
}

TEST_CASE("a context destroyed first drops the wait for a cut", "[session][cut][teardown]") {
  expected_completion cut;
  {
    auto context = std::make_unique<asio::io_context>();
    manual_clock clock(*context);
    session_pair sessions(*context);
    stream_pair ends;
    const auto open = [](session_pair& p, stream_pair& to) -> awaitable<> { to = co_await open_pair(p); };
    run(clock, *context, open(sessions, ends));
    ends.client.async_wait_reset(cut.handler());
    context.reset();
  }
  CHECK_FALSE(cut.done());
}
