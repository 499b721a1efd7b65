// Deadlines of sub-streams, on a manual clock: idle, half-closed, out of credit.
#include "session_support.hpp"

namespace {

using namespace io_test;

awaitable<> expect_timeout(scripted_session& s) { return s.peer.expect("0006 0001 03 01 0002"); }

awaitable<> idle(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  byte_string room(10);
  expected_completion read;
  stream.async_read_some(asio::buffer(room), read.handler());
  co_await s.peer.expect_silence(299s);
  CHECK_FALSE(read.done());
  co_await sleep_for(1s);
  co_await expect_timeout(s);
  co_await yield();
  CHECK(read.error() == errc::stream_timeout);
  const auto [error, n] = co_await stream.async_write_some(asio::buffer(room), as_result);
  CHECK(error == errc::stream_timeout);
  CHECK(s.subject.stats().streams == 0);
  CHECK_FALSE(s.fate->has_value());
}

awaitable<> data_either_way(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  for (int i = 0; i < 5; ++i) {
    co_await sleep_for(299s);
    co_await s.peer.send(data_frame(1, 1), byte_string(1));
    co_await sleep_for(299s);
    co_await write_text(stream, "x");
    const std::string words = co_await next_words(s.peer);
    CHECK(words == "keep 1 +1");
  }
  co_await s.peer.expect_silence(299s);
  co_await sleep_for(1s);
  co_await expect_timeout(s);
}

awaitable<> only_sending_datagrams(scripted_session& s) {
  co_await s.agree();
  sub_datagram stream(co_await s.subject.async_open(to_udp()));
  co_await next_words(s.peer);
  const byte_string data(3);
  for (int i = 0; i < 5; ++i) {
    co_await sleep_for(200s);
    const auto [error, n] = co_await stream.async_send(asio::buffer(data), as_result);
    CHECK_FALSE(error);
    const std::string words = co_await next_words(s.peer);
    CHECK(words == "keep 1 +3");
  }
}

awaitable<> keep_alive_is_no_activity(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  for (int i = 0; i < 2; ++i) {
    co_await sleep_for(100s);
    co_await s.peer.send("0004 0001 04 00");
  }
  co_await s.peer.expect_silence(99s);
  co_await sleep_for(1s);
  co_await expect_timeout(s);
}

// --- half-closed

session_options short_linger() {
  session_options o = quiet();
  o.half_close_linger = 20s;
  return o;
}

awaitable<> peer_ended(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await s.peer.send(end_of(1));
  co_await s.peer.expect_silence(19s);
  co_await write_text(stream, "still writing");
  co_await next_words(s.peer);
  co_await s.peer.expect_silence(19s);
  co_await sleep_for(1s);
  co_await expect_timeout(s);
  const auto [error] = co_await stream.async_shutdown(as_result);
  CHECK(error == errc::stream_timeout);
}

awaitable<> this_side_ended(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await stream.async_shutdown();
  co_await s.peer.expect(end_of(1));
  co_await sleep_for(19s);
  co_await s.peer.send(data_frame(1, 3), to_bytes("yet"));
  const std::string got = co_await read_text(stream, 3);
  CHECK(got == "yet");
  byte_string room(10);
  expected_completion read;
  stream.async_read_some(asio::buffer(room), read.handler());
  co_await sleep_for(19s);
  CHECK_FALSE(read.done());
  co_await sleep_for(1s);
  co_await yield();
  CHECK(read.error() == errc::stream_timeout);
  CHECK(s.subject.stats().streams == 0);
  co_await s.peer.expect_silence(5s);  // the one End was sent
}

awaitable<> end_held_back(scripted_session& s) {
  sub_stream stream = co_await opened(s, version_0_1, dialect::go);
  co_await stream.async_shutdown();
  co_await s.peer.expect_silence(19s);
  co_await sleep_for(1s);
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.send(data_frame(1, 3), to_bytes("yes"));
  co_await s.peer.send(end_of(1));
  const read_result got = co_await read_all(stream);
  CHECK(got.text() == "yes");
  CHECK(got.error == asio::error::eof);
}

awaitable<> end_held_until_the_peers(scripted_session& s) {
  sub_stream stream = co_await opened(s, version_0_1, dialect::go);
  co_await stream.async_shutdown();
  co_await s.peer.expect_silence(5s);
  co_await s.peer.send(end_of(1));
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.expect_silence(5s);
  CHECK(s.subject.stats().streams == 0);
}

awaitable<> no_codes_for_go(scripted_session& s) {
  sub_stream stream = co_await opened(s, version_0_1, dialect::go);
  stream.reset(end_code::timeout);
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.expect_silence(5s);
}

// --- out of credit

session_options short_stall() {
  session_options o = quiet();
  o.credit_stall_timeout = 60s;
  o.max_window = 65536;
  return o;
}

/// The peer keeps the sub-stream itself alive, and grants `increment` each time.
awaitable<> sip(scripted_session& s, std::uint32_t increment, duration pause, int times) {
  for (int i = 0; i < times && !s.fate->has_value(); ++i) {
    co_await sleep_for(pause);
    co_await s.peer.send(data_frame(1, 1), byte_string(1));
    if (increment > 0) co_await s.peer.send(credit_for(1, increment));
  }
}

struct blocked {
  blocked() = default;
  byte_string data = byte_string(10'000'000);
  sub_stream stream;
  expected_completion write;
};

awaitable<> block(scripted_session& s, blocked& b) {
  b.stream = co_await opened(s);
  asio::async_write(b.stream, asio::buffer(b.data), b.write.handler());
  co_await s.peer.receive(65536 + 2 * 8);
  co_await yield();
  CHECK(b.stream.stats().send_credit == 0);
}

duration stalled_after(session_options o, std::uint32_t increment, duration pause) {
  asio::io_context context;
  manual_clock clock(context);
  scripted_session s(context, role::client, std::move(o), 16 << 20);
  blocked b;
  run(clock, context, block(s, b));
  const time_point begin = clock.now();
  spawn(context, sip(s, increment, pause, 400));
  while (!b.write.done() && clock.now() - begin < 1h) clock.run_for(context, 500ms);
  if (b.write.done()) CHECK(b.write.error() == errc::stream_timeout);
  CHECK_FALSE(s.fate->has_value());
  return clock.now() - begin;
}

awaitable<> says_timeout_when_stalled(scripted_session& s) {
  blocked b;
  co_await block(s, b);
  co_await s.peer.expect_silence(59s);
  co_await sleep_for(1s);
  co_await expect_timeout(s);
  co_await s.peer.expect_silence(5s);
}

// A stall that was over is forgotten: what counts is how long the write of now waits.
awaitable<> an_old_stall(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  const byte_string data(65536 + 100);
  expected_completion first, second;
  asio::async_write(stream, asio::buffer(data), first.handler());
  co_await s.peer.receive(65536 + 2 * 8);
  co_await sleep_for(1s);
  co_await s.peer.send(credit_for(1, 100));
  co_await next_words(s.peer);
  co_await yield();
  CHECK(first.done());
  co_await sip(s, 0, 10s, 20);
  co_await s.peer.send(credit_for(1, 10));
  co_await yield();
  asio::async_write(stream, asio::buffer(data.data(), 100), second.handler());
  const std::string words = co_await next_words(s.peer);
  CHECK(words == "keep 1 +10");
  co_await s.peer.expect_silence(59s);
  CHECK_FALSE(second.done());
  co_await sleep_for(1s);
  co_await expect_timeout(s);
}

void with_client(session_options options, awaitable<> (*work)(scripted_session&)) {
  with_script(role::client, work, std::move(options), 1 << 20, 24h);
}

}  // namespace

TEST_CASE("an idle sub-stream is ended with code 2", "[sub_stream][liveness]") { with_client(quiet(), idle); }

TEST_CASE("data in either direction holds a sub-stream", "[sub_stream][liveness]") {
  with_client(quiet(), data_either_way);
}

TEST_CASE("datagrams in one direction hold a sub-stream", "[sub_stream][liveness]") {
  with_client(quiet(), only_sending_datagrams);
}

TEST_CASE("KeepAlives do not hold a sub-stream", "[sub_stream][liveness]") {
  with_client(quiet(), keep_alive_is_no_activity);
}

TEST_CASE("half_close_linger after the peer's End", "[sub_stream][liveness]") {
  with_client(short_linger(), peer_ended);
}

TEST_CASE("half_close_linger after this side's End", "[sub_stream][liveness]") {
  with_client(short_linger(), this_side_ended);
}

TEST_CASE("toward dialect G the End is held back", "[sub_stream][liveness]") {
  with_client(short_linger(), end_held_back);
  with_client(short_linger(), end_held_until_the_peers);
}

TEST_CASE("toward dialect G no End has a code", "[sub_stream][liveness]") {
  with_client(quiet(), no_codes_for_go);
}

TEST_CASE("a write without credit ends its sub-stream with code 2", "[sub_stream][liveness]") {
  with_client(short_stall(), says_timeout_when_stalled);
}

TEST_CASE("credit that drips is no progress", "[sub_stream][liveness]") {
  const duration none = stalled_after(short_stall(), 0, 1s);
  CHECK(none >= 60s);
  CHECK(none <= 61s);
  const duration drip = stalled_after(short_stall(), 1, 1s);
  CHECK(drip >= 60s);
  CHECK(drip <= 62s);
  const duration below = stalled_after(short_stall(), 8'191, 31s);
  CHECK(below >= 60s);
  CHECK(below <= 93s);
}

TEST_CASE("16 KiB in each credit_stall_timeout are progress", "[sub_stream][liveness]") {
  CHECK(stalled_after(short_stall(), 16'384, 59s) >= 1h);
  CHECK(stalled_after(short_stall(), 3'500, 10s) >= 1h);
}

TEST_CASE("a stall that is over does not count any more", "[sub_stream][liveness]") {
  with_client(short_stall(), an_old_stall);
}
