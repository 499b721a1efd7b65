// Credit to the byte, without auto-tuning: what may be sent, what is granted, which writers wait.
#include "session_support.hpp"

#include <random>

namespace {

using namespace io_test;

session_options fixed_window() {
  session_options o;
  o.max_window = 65536;
  return o;
}

/// Payload of Keep frames of one sub-stream until nothing comes for a while; the frames are checked for their
/// sizes.
awaitable<std::size_t> receive_data(scripted_session& s, std::size_t n) {
  std::size_t got = 0;
  while (got < n) {
    const auto f = co_await s.peer.expect_frame();
    const auto* const k = std::get_if<keep>(&f.header);
    if (!k) throw muxpro::testing::script_error("no data, but: " + words(f));
    CHECK(!f.payload.empty());
    CHECK(test::has_pattern(f.payload, got));
    got += f.payload.size();
  }
  co_await s.peer.expect_silence(1s);
  co_return got;
}

awaitable<> sender_stops(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await s.peer.expect(new_tcp(1));
  const byte_string data = pattern(600'000);
  expected_completion write;
  asio::async_write(stream, asio::buffer(data), write.handler());
  std::size_t got = co_await receive_data(s, 65536);
  CHECK(got == 65536);
  CHECK(stream.stats().send_credit == 0);
  CHECK(stream.stats().credit_stalls == 1);
  for (const std::uint32_t more : {1u, 32768u, 32767u, 100'000u, 65536u}) {
    co_await s.peer.send(credit_for(1, more));
    std::size_t here = 0;
    while (here < more) {
      const auto f = co_await s.peer.expect_frame();
      CHECK(test::has_pattern(f.payload, got + here));
      here += f.payload.size();
    }
    CHECK(here == more);
    got += here;
    co_await s.peer.expect_silence(1s);
  }
  CHECK_FALSE(write.done());
}

awaitable<> credit_never_wraps(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await s.peer.send(credit_for(1, 0xffffffff));
  co_await s.peer.send(credit_for(1, 0xffffffff));
  co_await s.peer.send("0004 0001 05 01 | 0002 0001");
  co_await yield();
  CHECK(stream.stats().send_credit == 65536 + 2 * 0xffffffffull + 1);
  co_await s.peer.send(credit_for(1, 0));
  co_await yield();
  CHECK(s.subject.stats().glitches == 1);
  CHECK_FALSE(s.fate->has_value());
}

awaitable<> part_that_fits(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  const byte_string data(100'000);
  const std::size_t first = co_await s.client.async_write_some(asio::buffer(data));
  CHECK(first == 65536);
  expected_completion second;
  s.client.async_write_some(asio::buffer(data), second.handler());
  co_await yield();
  CHECK_FALSE(second.done());
  byte_string room(40'000);
  co_await asio::async_read(s.server, asio::buffer(room), asio::use_awaitable);
  co_await yield();
  CHECK(second.n() == 40'000);
}

awaitable<> grants_what_was_consumed(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  co_await s.peer.send(data_frame(1, 60'000), byte_string(60'000));
  co_await s.peer.expect_silence(1s);
  CHECK(stream.stats().unread == 60'000);
  byte_string room(32'767);
  co_await asio::async_read(stream, asio::buffer(room), asio::use_awaitable);
  co_await s.peer.expect_silence(1s);
  co_await asio::async_read(stream, asio::buffer(room.data(), 1), asio::use_awaitable);
  co_await s.peer.expect(credit_for(1, 32'768));
  co_await asio::async_read(stream, asio::buffer(room.data(), 27'232), asio::use_awaitable);
  co_await s.peer.expect_silence(1s);
  // A read that waits takes its bytes straight from the frame: that counts likewise.
  expected_completion read;
  asio::async_read(stream, asio::buffer(room.data(), 10'000), read.handler());
  co_await s.peer.send(data_frame(1, 10'000), byte_string(10'000));
  co_await s.peer.expect(credit_for(1, 37'232));
  co_await s.peer.expect_silence(1s);
  CHECK(read.done());
}

awaitable<> grants_on_a_half_closed_stream(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await stream.async_shutdown();
  co_await s.peer.expect(new_tcp(1));
  co_await s.peer.expect(end_of(1));
  co_await s.peer.send(data_frame(1, 40'000), byte_string(40'000));
  byte_string room(40'000);
  co_await asio::async_read(stream, asio::buffer(room), asio::use_awaitable);
  co_await s.peer.expect(credit_for(1, 40'000));
}

// --- beyond the credit

awaitable<> ends_alone(scripted_session& s, sub_stream& stream, sub_stream& other) {
  co_await s.peer.expect("0006 0001 03 01 0003");
  const read_result got = co_await read_all(stream);
  CHECK(got.data.empty());
  CHECK(got.error == errc::stream_violation);
  CHECK(s.subject.stats().glitches == 1);
  CHECK(s.subject.stats().unread == 0);
  co_await s.peer.send(end_of(1));
  co_await s.peer.send(data_frame(2, 4), to_bytes("fine"));
  const std::string fine = co_await read_text(other, 4);
  CHECK(fine == "fine");
  co_await s.peer.expect_silence(1s);
}

awaitable<> one_byte_too_many(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  co_await s.peer.send(new_tcp(2));
  sub_stream stream = co_await s.subject.async_accept();
  sub_stream other = co_await s.subject.async_accept();
  co_await s.peer.send(data_frame(1, 65'535), byte_string(65'535));
  co_await s.peer.send(data_frame(1, 1), byte_string(1));
  co_await s.peer.expect_silence(1s);
  CHECK(stream.stats().unread == 65'536);
  co_await s.peer.send(data_frame(1, 1), byte_string(1));
  co_await ends_alone(s, stream, other);
}

awaitable<> first_data_counts(scripted_session& s) {
  co_await s.agree();
  new_stream f = std::get<new_stream>(new_tcp(1));
  f.data = std::uint16_t{65'535};
  const frame first(f);
  co_await s.peer.send(first, byte_string(65'535));
  co_await s.peer.send(new_tcp(2));
  sub_stream stream = co_await s.subject.async_accept();
  sub_stream other = co_await s.subject.async_accept();
  co_await s.peer.send(data_frame(1, 2), byte_string(2));
  co_await ends_alone(s, stream, other);
}

awaitable<> own_first_data_counts(scripted_session& s) {
  co_await s.agree();
  open_request request = to_tcp();
  request.first_data = pattern(65'535);
  sub_stream stream = co_await s.subject.async_open(request);
  const auto opening = co_await s.peer.expect_frame();
  CHECK(opening.payload.size() == 65'535);
  const byte_string data = pattern(10);
  const std::size_t n = co_await stream.async_write_some(asio::buffer(data));
  CHECK(n == 1);
}

// --- sub-streams that wait

awaitable<> stalled_beside_busy(session_pair& p) {
  stream_pair stalled = co_await open_pair(p);
  const byte_string data = pattern(200'000);
  expected_completion stuck;
  asio::async_write(stalled.client, asio::buffer(data), stuck.handler());
  co_await yield();
  spawn(p.client.get_executor(), serve_echo(p.server));
  sub_stream busy = co_await p.client.async_open(to_tcp());
  byte_string got(data.size());
  expected_completion sent;
  for (int i = 0; i < 5; ++i) {
    asio::async_write(busy, asio::buffer(data), sent.handler());
    co_await asio::async_read(busy, asio::buffer(got), asio::use_awaitable);
    CHECK(got == data);
    co_await yield();
  }
  CHECK_FALSE(stuck.done());
  CHECK(stalled.server.stats().unread == 65'536);
  got.assign(got.size(), std::byte());
  co_await asio::async_read(stalled.server, asio::buffer(got), asio::use_awaitable);
  CHECK(got == data);
}

awaitable<> reads_while_the_wire_is_full(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  const byte_string data(65536);
  expected_completion write;
  asio::async_write(stream, asio::buffer(data), write.handler());
  co_await yield();
  CHECK_FALSE(write.done());
  byte_string room(60'000);
  for (int i = 0; i < 3; ++i) {
    co_await s.peer.send(data_frame(1, 20'000), pattern(20'000));
    co_await asio::async_read(stream, asio::buffer(room.data(), 20'000), asio::use_awaitable);
    CHECK(test::has_pattern(std::span(room).first(20'000)));
  }
  CHECK_FALSE(write.done());
}

awaitable<> send_all(sub_stream& s, std::size_t total) {
  const byte_string data = pattern(total);
  co_await asio::async_write(s, asio::buffer(data), asio::use_awaitable);
  co_await s.async_shutdown();
}

awaitable<> receive_all(sub_stream& s, std::size_t total, int& left) {
  const read_result got = co_await read_all(s);
  CHECK(got.error == asio::error::eof);
  CHECK(got.data.size() == total);
  CHECK(test::has_pattern(got.data));
  --left;
}

// The balance of one direction once everything sent has arrived.
void check_balance(const stream_pair& s, std::uint64_t sent, std::uint64_t consumed) {
  const auto sender = s.client.stats();
  const auto receiver = s.server.stats();
  REQUIRE(sender.sent.bytes == sent);
  REQUIRE(receiver.received.bytes == sent);
  REQUIRE(receiver.unread == sent - consumed);
  const std::uint64_t granted = sender.send_credit + sent;
  REQUIRE(granted <= consumed + 65'536);
  REQUIRE(granted + 32'768 > consumed + 65'536);
}

awaitable<> random_steps(session_pair& p, unsigned seed) {
  std::minstd_rand random(seed);
  stream_pair s = co_await open_pair(p);
  std::uint64_t sent = 0, consumed = 0;
  byte_string room(70'000);
  for (int step = 0; step < 500; ++step) {
    const auto credit = s.client.stats().send_credit;
    if (credit > 0 && random() % 2 == 0) {
      const byte_string data = pattern(1 + random() % 70'000, sent);
      const std::size_t n = co_await s.client.async_write_some(asio::buffer(data));
      REQUIRE(n == std::min<std::uint64_t>(credit, data.size()));
      sent += n;
    } else if (sent > consumed) {
      const std::size_t most = 1 + random() % room.size();
      const std::size_t n = co_await s.server.async_read_some(asio::buffer(room.data(), most));
      REQUIRE(test::has_pattern(std::span(room).first(n), consumed));
      consumed += n;
    }
    while (s.server.stats().received.bytes < sent) co_await yield(1);
    co_await yield(20);
    check_balance(s, sent, consumed);
  }
}

}  // namespace

TEST_CASE("a sender stops at its credit, to the byte", "[session][credit]") {
  with_script(role::client, sender_stops, fixed_window());
}

TEST_CASE("credit is 64 bits wide, and no amount counts as odd", "[session][credit]") {
  with_script(role::client, credit_never_wraps, fixed_window());
}

TEST_CASE("a write larger than the credit sends the part that fits", "[session][credit]") {
  asio::io_context context;
  session_pair p(context, fixed_window(), 1 << 20);
  run(context, part_that_fits(p));
}

TEST_CASE("what was consumed is granted, and nothing else", "[session][credit]") {
  with_script(role::server, grants_what_was_consumed, fixed_window());
}

TEST_CASE("grants go on after this side's End", "[session][credit]") {
  with_script(role::client, grants_on_a_half_closed_stream, fixed_window());
}

TEST_CASE("one byte beyond the credit ends that sub-stream alone", "[session][credit]") {
  with_script(role::server, one_byte_too_many, fixed_window());
}

TEST_CASE("first data counts against the credit", "[session][credit]") {
  with_script(role::server, first_data_counts, fixed_window());
  with_script(role::client, own_first_data_counts, fixed_window());
}

TEST_CASE("a stalled sub-stream delays no other", "[session][credit]") {
  asio::io_context context;
  session_pair p(context, fixed_window());
  run(context, stalled_beside_busy(p));
}

TEST_CASE("a blocked writer never blocks reading", "[session][credit]") {
  with_script(role::client, reads_while_the_wire_is_full, fixed_window(), 1000);
}

TEST_CASE("both sides push at once through a tiny pipe", "[session][credit]") {
  asio::io_context context;
  session_pair p(context, fixed_window(), 500);
  std::vector<stream_pair> streams(4);
  int left = 0;
  constexpr std::size_t total = 400'000;
  for (auto& s : streams) {
    s = run(context, open_pair(p));
    for (sub_stream* end : {&s.client, &s.server}) {
      ++left;
      spawn(context, send_all(*end, total));
      spawn(context, receive_all(*end, total, left));
    }
  }
  test::run_until(context, [&] { return left == 0; });
}

TEST_CASE("the balance of credit over random writes and reads", "[session][credit]") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    INFO("seed " << seed);
    asio::io_context context;
    session_pair p(context, fixed_window());
    run(context, random_steps(p, seed));
  }
}
