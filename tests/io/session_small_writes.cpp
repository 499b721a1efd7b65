// Small writes are taken over: they are done at once, share a frame, and go before the End that follows them.
#include "session_support.hpp"

namespace io_test {
namespace {

awaitable<std::string> heard(scripted_peer& peer, int frames) {
  std::string all;
  for (int i = 0; i < frames; ++i) all += (i ? ", " : "") + co_await next_words(peer);
  co_return all;
}

awaitable<> share_a_frame_with_what_follows(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await write_text(stream, "ab");
  co_await write_text(stream, "cd");
  co_await stream.async_shutdown();
  const std::string all = co_await heard(s.peer, 2);
  CHECK(all == "keep 1 +4, end 1");
}

awaitable<> outlive_the_handle(scripted_session& s) {
  {
    sub_stream stream = co_await opened(s);
    co_await write_text(stream, "ab");
    co_await stream.async_shutdown();
  }
  const std::string all = co_await heard(s.peer, 2);
  CHECK(all == "keep 1 +2, end 1");
}

awaitable<> go_before_close(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await write_text(stream, "ab");
  stream.close();
  const std::string all = co_await heard(s.peer, 2);
  CHECK(all == "keep 1 +2, end 1");
}

awaitable<> are_lost_by_a_reset(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await write_text(stream, "ab");
  stream.reset(end_code::timeout);
  const std::string all = co_await heard(s.peer, 1);
  CHECK(all == "end 1 code 2");
}

awaitable<> are_lost_when_the_peer_aborts(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await s.peer.send(end_of(1, end_code::resources));
  co_await yield();
  const auto [error, n] = co_await stream.async_write_some(asio::buffer("ab", 2), as_result);
  CHECK(error == end_code::resources);
  const std::string all = co_await heard(s.peer, 1);
  CHECK(all == "end 1");
}

awaitable<> come_before_a_large_one(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  const byte_string large = pattern(20'000);
  co_await write_text(stream, "ab");
  co_await asio::async_write(stream, asio::buffer(large), asio::use_awaitable);
  const muxpro::testing::received_frame f = co_await s.peer.expect_frame();
  byte_string expected = to_bytes("ab");
  expected.insert(expected.end(), large.begin(), large.end());
  CHECK(f.payload == expected);
}

awaitable<> need_credit(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  const byte_string all = pattern(65'534);
  co_await asio::async_write(stream, asio::buffer(all), asio::use_awaitable);
  co_await write_text(stream, "ab");
  const expected_completion done;
  stream.async_write_some(asio::buffer("cd", 2), done.handler());
  co_await yield();
  CHECK_FALSE(done.done());
  co_await s.peer.send(credit_for(1, 100));
  co_await yield();
  CHECK(done.done());
}

}  // namespace

TEST_CASE("small writes share a frame with what follows", "[sub_stream][small]") {
  with_script(role::client, share_a_frame_with_what_follows);
}
TEST_CASE("small writes and a shutdown outlive the handle", "[sub_stream][small]") {
  with_script(role::client, outlive_the_handle);
}
TEST_CASE("small writes go before the End of close", "[sub_stream][small]") {
  with_script(role::client, go_before_close);
}
TEST_CASE("small writes are lost by a reset", "[sub_stream][small]") {
  with_script(role::client, are_lost_by_a_reset);
}
TEST_CASE("small writes fail after the peer's abort", "[sub_stream][small]") {
  with_script(role::client, are_lost_when_the_peer_aborts);
}
TEST_CASE("small writes come before a large one", "[sub_stream][small]") {
  with_script(role::client, come_before_a_large_one);
}
TEST_CASE("small writes need credit", "[sub_stream][small]") { with_script(role::client, need_credit); }

}  // namespace io_test
