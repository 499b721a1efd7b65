// The counters against what was sent.
#include "session_support.hpp"

#include <asio/bind_cancellation_slot.hpp>

namespace {

using namespace io_test;

const traffic& of(const std::array<traffic, frame_types>& all, frame_type t) {
  return all[static_cast<std::size_t>(t)];
}

void check_mirrored(const session_stats& from, const session_stats& to) {
  CHECK(from.wire_sent == to.wire_received);
  CHECK(from.ends_sent == to.ends_received);
  for (std::size_t type = 0; type < frame_types; ++type) {
    INFO("frame type " << type);
    CHECK(from.sent[type].frames == to.received[type].frames);
    CHECK(from.sent[type].bytes == to.received[type].bytes);
  }
}

awaitable<> busy_life(session_pair& p) {
  spawn(p.client.get_executor(), serve_echo(p.server));
  const byte_string data = pattern(150'000);
  for (int i = 0; i < 3; ++i) {
    sub_stream s = co_await p.client.async_open(with_data("hello"));
    expected_completion write;
    asio::async_write(s, asio::buffer(data), write.handler());
    byte_string back(data.size() + 5);
    co_await asio::async_read(s, asio::buffer(back), asio::use_awaitable);
    if (i == 0) {
      co_await s.async_shutdown();
      co_await read_all(s);
    }
    if (i == 1) s.reset(end_code::timeout);
  }
  co_await yield();
}

awaitable<> exact_counts(session_pair& p) {
  stream_pair s = co_await open_pair(p, with_data("12345"));
  co_await write_text(s.client, "678");
  co_await yield();
  co_await write_text(s.client, "90");
  co_await yield();
  const session_stats c = p.client.stats();
  const session_stats v = p.server.stats();
  CHECK(of(c.sent, frame_type::new_stream).frames == 1);
  CHECK(of(c.sent, frame_type::new_stream).bytes == 5);
  CHECK(of(v.received, frame_type::new_stream).bytes == 5);
  CHECK(of(c.sent, frame_type::keep).frames == 2);
  CHECK(of(c.sent, frame_type::keep).bytes == 5);
  CHECK(of(c.sent, frame_type::negotiate_version).frames == 1);
  CHECK(of(c.received, frame_type::negotiate_version).frames == 1);
  // 25 asked, then New with 5 bytes, Keep with 3, Keep with 2.
  CHECK(c.wire_sent == 25 + 23 + 2 + 5 + 8 + 3 + 8 + 2);
  CHECK(c.wire_received == 13);
  CHECK(c.streams == 1);
  CHECK(c.opened == 1);
  CHECK(v.opened == 1);
  CHECK(v.unread == 10);
  CHECK(v.receive_windows == 65536);

  const stream_stats from = s.client.stats();
  const stream_stats to = s.server.stats();
  CHECK(from.sent.frames == 3);
  CHECK(from.sent.bytes == 10);
  CHECK(from.send_credit == 65536 - 10);
  CHECK(to.received.frames == 3);
  CHECK(to.received.bytes == 10);
  CHECK(to.unread == 10);
  CHECK(to.receive_window == 65536);
  CHECK(to.credit_stalls == 0);
  const std::string got = co_await read_text(s.server, 10);
  CHECK(got == "1234567890");
  CHECK(s.server.stats().unread == 0);
  CHECK(p.server.stats().unread == 0);
}

awaitable<> stalls(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  const byte_string data(65536 + 10);
  expected_completion write;
  asio::async_write(stream, asio::buffer(data), write.handler());
  co_await sleep_for(7s);
  CHECK(stream.stats().credit_stalls == 1);
  co_await s.peer.send(credit_for(1, 10));
  co_await yield();
  CHECK(write.done());
  CHECK(stream.stats().credit_stalled == 7s);
  CHECK(s.subject.stats().credit_stalls == 1);
  CHECK(s.subject.stats().credit_stalled == 7s);
}

awaitable<> cancelled_stall(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  const byte_string data(65536 + 10);
  expected_completion write;
  asio::cancellation_signal stop;
  asio::async_write(stream, asio::buffer(data), asio::bind_cancellation_slot(stop.slot(), write.handler()));
  co_await sleep_for(2s);
  stop.emit(asio::cancellation_type::terminal);
  co_await sleep_for(100s);
  CHECK(write.done());
  co_await s.peer.send(credit_for(1, 100));
  co_await yield();
  co_await write_text(stream, "no stall");
  CHECK(stream.stats().credit_stalls == 1);
  CHECK(stream.stats().credit_stalled <= 2s);
  CHECK(s.subject.stats().credit_stalled <= 2s);
}

awaitable<> queues(scripted_session& s) {
  co_await s.agree();
  sub_stream first = co_await s.subject.async_open(to_tcp());
  co_await yield();
  const byte_string data(60'000);
  expected_completion one, two;
  asio::async_write(first, asio::buffer(data), one.handler());
  co_await yield();  // on its way, and stuck
  sub_stream second = co_await s.subject.async_open(to_tcp());
  asio::async_write(second, asio::buffer(data), two.handler());
  sub_stream third = co_await s.subject.async_open(to_tcp());
  co_await yield();
  CHECK(s.subject.stats().queued_streams == 1);
  CHECK(s.subject.stats().queued_control == 2);
  CHECK(s.subject.stats().streams == 3);
}

awaitable<> odd_frames(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send("0004 0077 05 01 | 0004 00000001");
  co_await s.peer.send("0004 1234 04 00  0004 1235 04 00");
  co_await yield();
  const session_stats seen = s.subject.stats();
  CHECK(seen.glitches == 1);
  CHECK(of(seen.received, frame_type::keep_alive).frames == 2);
  CHECK(of(seen.received, frame_type::credit_update).frames == 1);
}

awaitable<> keep_alives_counted(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await sleep_for(40s);
  CHECK(of(s.subject.stats().sent, frame_type::keep_alive).frames == 1);
}

// The peer answers a grant with the next data after 80 ms.
awaitable<> round_trip(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  CHECK(s.subject.stats().round_trip == 0s);
  byte_string room(65536);
  co_await s.peer.send(data_frame(1, 40'000), byte_string(40'000));
  co_await asio::async_read(stream, asio::buffer(room.data(), 40'000), asio::use_awaitable);
  co_await s.peer.expect(credit_for(1, 40'000));
  co_await s.peer.send(data_frame(1, 25'536), byte_string(25'536));  // the rest of the old credit
  co_await sleep_for(80ms);
  co_await s.peer.send(data_frame(1, 1000), byte_string(1000));
  co_await yield();
  CHECK(s.subject.stats().round_trip == 80ms);
}

}  // namespace

TEST_CASE("what one side counts as sent the other counts as received", "[session][stats]") {
  asio::io_context context;
  session_pair p(context);
  run(context, busy_life(p));
  check_mirrored(p.client.stats(), p.server.stats());
  check_mirrored(p.server.stats(), p.client.stats());
  CHECK(p.client.stats().opened == 3);
  CHECK(p.client.stats().streams == 0);
  CHECK(p.server.stats().streams == 0);
  CHECK(p.client.stats().unread == 0);
  CHECK(p.server.stats().unread == 0);
}

TEST_CASE("counters of a session and a sub-stream, to the byte", "[session][stats]") {
  with_pair(exact_counts);
}

TEST_CASE("credit stalls are counted and timed", "[session][stats]") { with_script(role::client, stalls); }

TEST_CASE("a stall ends when its write is cancelled", "[session][stats]") {
  with_script(role::client, cancelled_stall);
}

TEST_CASE("queue depth", "[session][stats]") { with_script(role::client, queues, {}, 1000); }

TEST_CASE("odd frames and KeepAlives are counted", "[session][stats]") {
  with_script(role::client, odd_frames);
  with_script(role::client, keep_alives_counted);
}

TEST_CASE("the round trip is estimated from credit", "[session][stats]") {
  with_script(role::server, round_trip);
}
