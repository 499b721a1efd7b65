// What arrives for a sub-stream and goes on to a sink.
#include "session_support.hpp"

#include <asio/bind_cancellation_slot.hpp>

namespace {

using namespace io_test;

/// Takes so many bytes, then it is full.
struct bounded_sink final : detail::sink {
  std::size_t take(const_bytes data) override {
    const std::size_t n = std::min(room, data.size());
    room -= n;
    got.insert(got.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(n));
    return n;
  }
  std::size_t room = ~std::size_t{0};
  byte_string got;
};

/// A sub-stream that the peer has opened.
struct opened {
  awaitable<> from(scripted_session& s) {
    co_await s.agree();
    co_await s.peer.send(new_tcp(1));
    stream = co_await s.subject.async_accept();
  }
  void flow() { stream.async_flow(to, done.handler()); }
  std::size_t unread() const { return stream.stats().unread; }

  sub_stream stream;
  bounded_sink to;
  expected_completion done;
};

awaitable<> send(scripted_session& s, std::size_t size, std::size_t at = 0) {
  co_await s.peer.send(data_frame(1, size), pattern(size, at));
  co_await yield();
}

awaitable<> flows_and_is_granted(scripted_session& s) {
  opened o;
  co_await o.from(s);
  o.flow();
  co_await send(s, 20'000);
  co_await send(s, 20'000, 20'000);
  CHECK(o.to.got == pattern(40'000));
  CHECK_FALSE(o.done.done());
  CHECK(o.unread() == 0);
  const std::string credit = co_await next_words(s.peer);
  CHECK(credit == "credit 1 40000");
}

awaitable<> is_full(scripted_session& s) {
  opened o;
  co_await o.from(s);
  o.to.room = 1'000;
  o.flow();
  co_await send(s, 40'000);
  CHECK(o.done.n() == 1'000);
  CHECK(o.unread() == 39'000);
  // Nothing is granted for what waits, and what comes now waits behind it.
  co_await send(s, 10, 40'000);
  o.to.room = 20'000;
  expected_completion again;
  o.stream.async_flow(o.to, again.handler());
  co_await yield();
  CHECK(again.n() == 20'000);
  o.to.room = ~std::size_t{0};
  o.done = {};
  o.flow();
  co_await yield();
  CHECK_FALSE(o.done.done());
  CHECK(o.to.got == pattern(40'010));
  CHECK(o.unread() == 0);
  const std::string credit = co_await next_words(s.peer);
  CHECK(credit == "credit 1 40010");
}

awaitable<> ends_behind_the_last_byte(scripted_session& s) {
  opened o;
  co_await o.from(s);
  o.to.room = 100;
  o.flow();
  co_await s.peer.send(data_frame(1, 300), pattern(300));
  co_await s.peer.send(end_of(1));
  co_await yield();
  CHECK((o.done.done() && !o.done.error() && o.done.n() == 100));
  o.to.room = 200;
  o.done = {};
  o.flow();
  co_await yield();
  CHECK(o.done.error() == asio::error::eof);
  CHECK(o.to.got == pattern(300));
}

awaitable<> is_aborted(scripted_session& s) {
  opened o;
  co_await o.from(s);
  o.flow();
  co_await s.peer.send(end_of(1, end_code::unreachable));
  co_await yield();
  CHECK(o.done.error() == end_code::unreachable);
}

awaitable<> is_cancelled(scripted_session& s) {
  opened o;
  co_await o.from(s);
  asio::cancellation_signal stop;
  o.stream.async_flow(o.to, asio::bind_cancellation_slot(stop.slot(), o.done.handler()));
  co_await send(s, 10);
  stop.emit(asio::cancellation_type::total);
  co_await yield();
  CHECK(o.done.error() == asio::error::operation_aborted);
  co_await send(s, 10, 10);
  CHECK(o.to.got == pattern(10));
  byte_string rest(100);
  const std::size_t n = co_await o.stream.async_read_some(asio::buffer(rest), asio::use_awaitable);
  rest.resize(n);
  CHECK(rest == pattern(10, 10));
}

awaitable<> is_one_read(scripted_session& s) {
  opened o;
  co_await o.from(s);
  o.flow();
  expected_completion second;
  o.stream.async_flow(o.to, second.handler());
  byte_string into(10);
  expected_completion third;
  o.stream.async_read_some(asio::buffer(into), third.handler());
  co_await yield();
  CHECK(second.error() == errc::operation_in_progress);
  CHECK(third.error() == errc::operation_in_progress);
  o.stream.close();
  co_await yield();
  CHECK(o.done.error() == asio::error::operation_aborted);
}

awaitable<> is_tcp(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_udp(1));
  sub_stream stream = co_await s.subject.async_accept();
  bounded_sink to;
  expected_completion done;
  stream.async_flow(to, done.handler());
  co_await yield();
  CHECK(done.error() == errc::wrong_network);
}

}  // namespace

TEST_CASE("what flows to a sink is in no buffer, and granted as it goes", "[session][flow]") {
  with_script(role::server, flows_and_is_granted);
}

TEST_CASE("what a full sink leaves waits, and is not granted", "[session][flow]") {
  with_script(role::server, is_full);
}

TEST_CASE("the end of a sub-stream comes behind what a full sink has left", "[session][flow]") {
  with_script(role::server, ends_behind_the_last_byte);
}

TEST_CASE("an abort ends a flow with its code", "[session][flow]") { with_script(role::server, is_aborted); }

TEST_CASE("a flow that is cancelled leaves what comes next to the next read", "[session][flow]") {
  with_script(role::server, is_cancelled);
}

TEST_CASE("a flow is the one read of its sub-stream", "[session][flow]") {
  with_script(role::server, is_one_read);
}

TEST_CASE("datagrams do not flow", "[session][flow]") { with_script(role::server, is_tcp); }

TEST_CASE("a context may be destroyed while a sub-stream flows", "[session][flow]") {
  bounded_sink to;
  expected_completion done;
  auto context = std::make_unique<asio::io_context>();
  {
    session_pair sessions(*context);
    auto streams = test::run(*context, open_pair(sessions));
    streams.server.async_flow(to, done.handler());
    context.reset();
  }
  CHECK_FALSE(done.done());
}
