// cancel() of the handles, reading without waiting, and opens that wait for room.
#include "io/session_support.hpp"

#include <asio/bind_cancellation_slot.hpp>

using namespace io_test;

namespace {

awaitable<> cancelled_sub_stream(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  byte_string window = pattern(65536), buffer(10);
  co_await asio::async_write(s.client, asio::buffer(window), asio::use_awaitable);
  expected_completion read, write, shutdown, cut;
  s.client.async_read_some(asio::buffer(buffer), read.handler());
  s.client.async_write_some(asio::buffer(buffer), write.handler());
  s.client.async_shutdown(shutdown.handler());
  s.client.async_wait_reset(cut.handler());
  co_await yield();
  s.client.cancel();
  CHECK_FALSE(read.done());
  co_await yield();
  for (const auto* c : {&read, &write, &shutdown, &cut}) {
    CHECK(c->done());
    CHECK(c->error() == asio::error::operation_aborted);
  }
  co_await asio::async_read(s.server, asio::buffer(window), asio::use_awaitable);
  co_await write_text(s.client, "goes on");
  const std::string text = co_await read_text(s.server, 7);
  CHECK(text == "goes on");
  s.client.cancel();
}

awaitable<> cancelled_datagrams(session_pair& p) {
  stream_pair s = co_await open_pair(p, to_udp());
  sub_datagram client(std::move(s.client)), server(std::move(s.server));
  byte_string buffer(10);
  host_port from;
  expected_completion receive;
  client.async_receive_from(asio::buffer(buffer), from, receive.handler());
  client.cancel();
  co_await yield();
  CHECK(receive.done());
  CHECK(receive.error() == asio::error::operation_aborted);
  co_await server.async_send(asio::buffer("word", 4));
  const std::size_t n = co_await client.async_receive_from(asio::buffer(buffer), from);
  CHECK(n == 4);
}

awaitable<> cancelled_session(session_pair& p) {
  const stream_pair kept = co_await open_pair(p);
  expected_completion accept, drain;
  p.server.async_accept(accept.handler());
  p.client.async_drain(drain.handler());
  p.server.cancel();
  p.client.cancel();
  co_await yield();
  CHECK(accept.error() == asio::error::operation_aborted);
  CHECK(drain.error() == asio::error::operation_aborted);
  CHECK(p.client.is_open());
}

awaitable<> reads_at_once(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  byte_string buffer(4);
  error_code ec;
  std::size_t n = s.server.try_read(asio::buffer(buffer), ec);
  CHECK(n == 0);
  CHECK(ec == asio::error::would_block);
  co_await write_text(s.client, "sixteen letters!");
  co_await yield();
  n = s.server.try_read(asio::buffer(buffer), ec);
  CHECK(n == 4);
  CHECK_FALSE(ec);
  CHECK(to_text(buffer) == "sixt");
  const std::string rest = co_await read_text(s.server, 12);
  CHECK(rest == "een letters!");
  co_await s.client.async_shutdown();
  co_await yield();
  n = s.server.try_read(asio::buffer(buffer), ec);
  CHECK(n == 0);
  CHECK(ec == asio::error::eof);
}

open_request patient() {
  open_request r = to_tcp();
  r.wait_for_room = true;
  return r;
}

struct opened_later {
  auto handler() {
    return [this](error_code e, sub_stream s) {
      done = true;
      error = e;
      stream = std::move(s);
    };
  }
  bool done = false;
  error_code error;
  sub_stream stream;
};

awaitable<> waits_for_room(session_pair& p) {
  sub_stream first = co_await p.client.async_open(to_tcp()), second = co_await p.client.async_open(to_tcp());
  opened_later third, fourth, refused;
  p.client.async_open(patient(), third.handler());
  p.client.async_open(patient(), fourth.handler());
  p.client.async_open(to_tcp(), refused.handler());
  co_await yield();
  CHECK_FALSE(third.done);
  CHECK(refused.error == errc::too_many_streams);
  first.reset();
  first = sub_stream();
  opened_later overtaking;
  p.client.async_open(to_tcp(), overtaking.handler());
  co_await yield();
  CHECK(overtaking.error == errc::too_many_streams);
  CHECK(third.done);
  CHECK_FALSE(third.error);
  CHECK_FALSE(fourth.done);
  second.reset();
  second = sub_stream();
  co_await yield();
  CHECK(fourth.done);
  CHECK_FALSE(fourth.error);
  co_await write_text(fourth.stream, "room");
  const sub_stream of_third = co_await p.server.async_accept();
  sub_stream there = co_await p.server.async_accept();
  const std::string text = co_await read_text(there, 4);
  CHECK(text == "room");
}

awaitable<> does_not_wait_for_ever(session_pair& p) {
  const sub_stream first = co_await p.client.async_open(to_tcp()),
                   second = co_await p.client.async_open(to_tcp());
  opened_later cancelled, drained;
  asio::cancellation_signal stop;
  p.client.async_open(patient(), asio::bind_cancellation_slot(stop.slot(), cancelled.handler()));
  stop.emit(asio::cancellation_type::partial);
  p.client.async_open(patient(), drained.handler());
  expected_completion drain;
  p.client.async_drain(drain.handler());
  co_await yield();
  CHECK(cancelled.error == asio::error::operation_aborted);
  CHECK(drained.error == errc::draining);
}

/// With a client that may have two sub-streams.
void with_little_room(awaitable<> (*work)(session_pair&)) {
  session_options two;
  two.max_streams = 2;
  asio::io_context io;
  session_pair p(io, two, session_options());
  test::run(io, work(p));
}

}  // namespace

TEST_CASE("cancel() of a sub-stream aborts what is pending, and no more", "[sub_stream][cancellation]") {
  with_pair(cancelled_sub_stream);
}

TEST_CASE("cancel() of a sub_datagram aborts a receive, and loses nothing", "[sub_datagram][cancellation]") {
  with_pair(cancelled_datagrams);
}

TEST_CASE("cancel() of a session aborts what waits, and keeps it open", "[session][cancellation]") {
  with_pair(cancelled_session);
}

TEST_CASE("cancel() of a pipe_end aborts its read and its write", "[pipe][cancellation]") {
  asio::io_context io;
  auto [a, b] = make_pipe(io.get_executor(), 0);
  std::string word = "word";
  expected_completion read, write, other;
  a.async_read_some(asio::buffer(word), read.handler());
  b.async_read_some(asio::buffer(word), other.handler());
  a.cancel();
  io.poll();
  CHECK(read.error() == asio::error::operation_aborted);
  CHECK_FALSE(other.done());
  b.cancel();
  a.async_write_some(asio::buffer(word), write.handler());
  a.cancel();
  io.restart();
  io.poll();
  CHECK(other.error() == asio::error::operation_aborted);
  CHECK(write.error() == asio::error::operation_aborted);
  CHECK(a.is_open());
}

TEST_CASE("try_read takes what is there", "[sub_stream]") { with_pair(reads_at_once); }

TEST_CASE("an open with wait_for_room waits until a sub-stream is released", "[session]") {
  with_little_room(waits_for_room);
}

TEST_CASE("an open that waits for room is cancelled and drained", "[session]") {
  with_little_room(does_not_wait_for_ever);
}
