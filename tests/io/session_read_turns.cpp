// What is left of a payload when a read is full.
#include "session_support.hpp"

namespace {

using namespace io_test;

constexpr std::size_t payload = 60'000;

awaitable<sub_stream> one_stream(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  co_return stream;
}

std::size_t unread(const sub_stream& s) { return s.stats().unread; }

awaitable<> read_in_large_pieces(sub_stream& stream, std::size_t& done) {
  byte_string got(20'000);
  while (done < payload) {
    const std::size_t n = co_await stream.async_read_some(asio::buffer(got), asio::use_awaitable);
    CHECK(n == got.size());
    CHECK(test::has_pattern(got, done));
    CHECK(unread(stream) == 0);
    done += n;
  }
}

awaitable<> reads_again_at_once(scripted_session& s) {
  sub_stream stream = co_await one_stream(s);
  std::size_t done = 0;
  spawn(s.subject.get_executor(), read_in_large_pieces(stream, done));
  co_await s.peer.send(data_frame(1, payload), pattern(payload));
  while (done < payload) co_await yield();
}

awaitable<> reads_frame_by_frame(scripted_session& s) {
  sub_stream stream = co_await one_stream(s);
  std::size_t done = 0;
  spawn(s.subject.get_executor(), read_in_large_pieces(stream, done));
  byte_string all;
  for (std::size_t at = 0; at < payload; at += 20'000) {
    const byte_string part = pattern(20'000, at), frame = encoded(data_frame(1, 20'000), part);
    all.insert(all.end(), frame.begin(), frame.end());
  }
  co_await s.peer.send_bytes(all);
  while (done < payload) co_await yield();
}

/// A read that has no room for all of the payload.
struct one_read {
  explicit one_read(std::size_t n) : got(n) {}
  byte_string got;
  expected_completion done;
};

awaitable<> begin(scripted_session& s, sub_stream& stream, one_read& read) {
  stream = co_await one_stream(s);
  stream.async_read_some(asio::buffer(read.got), read.done.handler());
  co_await s.peer.send(data_frame(1, payload), pattern(payload));
}

awaitable<> reads_no_more(scripted_session& s) {
  sub_stream stream;
  one_read read(20'000);
  co_await begin(s, stream, read);
  co_await s.peer.send(new_tcp(2));
  co_await s.subject.async_accept();
  CHECK(read.done.n() == 20'000);
  CHECK(unread(stream) == payload - 20'000);
}

awaitable<> reads_much_and_no_more(scripted_session& s) {
  sub_stream stream;
  one_read read(40'000);
  co_await begin(s, stream, read);
  const std::string credit = co_await next_words(s.peer);
  CHECK(credit == "credit 1 40000");
  CHECK(read.done.n() == 40'000);
}

// Looked at when the read completes: a turn later the rest would be there as well.
awaitable<> reads_little(scripted_session& s) {
  sub_stream stream = co_await one_stream(s);
  byte_string got(16'383);
  std::size_t behind = 0;
  bool done = false;
  stream.async_read_some(asio::buffer(got), [&](error_code, std::size_t) {
    behind = unread(stream);
    done = true;
  });
  co_await s.peer.send(data_frame(1, payload), pattern(payload));
  while (!done) co_await yield();
  CHECK(behind == payload - got.size());
}

}  // namespace

TEST_CASE("an application that reads again at once has the rest of a payload without a copy", "[session]") {
  with_script(role::server, reads_again_at_once);
}

TEST_CASE("an application that reads again at once has the next frame without a copy", "[session]") {
  with_script(role::server, reads_frame_by_frame);
}

TEST_CASE("an application that reads no more holds up no other sub-stream", "[session]") {
  with_script(role::server, reads_no_more);
}

TEST_CASE("what a read has taken is granted although the rest is not read", "[session]") {
  with_script(role::server, reads_much_and_no_more);
}

TEST_CASE("small reads take no turns", "[session]") { with_script(role::server, reads_little); }
