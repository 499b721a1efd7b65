// Ways in which a sub-stream ends other than well: reset, close, destruction, the peer's codes. What is on
// the wire.
#include "session_support.hpp"

namespace {

using namespace io_test;

const std::vector<end_code> abort_codes{
    end_code::remote_disconnect, end_code::timeout,  end_code::protocol_error,     end_code::resources,
    end_code::unreachable,       end_code::rejected, static_cast<end_code>(0xffff)};

awaitable<> reset_reaches_the_peer(session_pair& p, end_code code) {
  stream_pair s = co_await open_pair(p);
  co_await write_text(s.server, "never read");
  byte_string big(100'000), room(10);
  expected_completion write;
  asio::async_write(s.client, asio::buffer(big), write.handler());
  co_await yield();
  CHECK(s.client.stats().unread == 10);
  expected_completion read;
  byte_string all(200'000);
  asio::async_read(s.server, asio::buffer(all), read.handler());
  s.server.reset(code);
  co_await yield();
  CHECK(read.error() == errc::stream_reset);
  CHECK(write.error() == code);
  CHECK(&write.error().category() == &end_category());
  CHECK(s.client.stats().unread == 0);
  CHECK(p.client.stats().unread == 0);
  const auto [error, n] = co_await s.client.async_read_some(asio::buffer(room), as_result);
  CHECK(error == code);
  const auto [failure, m] = co_await s.client.async_write_some(asio::buffer(room), as_result);
  CHECK(failure == code);
  const auto [ended] = co_await s.client.async_shutdown(as_result);
  CHECK(ended == code);
  CHECK(p.client.stats().streams == 0);
  CHECK(p.server.stats().streams == 0);
}

awaitable<> own_operations_after_reset(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  s.client.reset();
  byte_string room(10);
  const auto [read, n] = co_await s.client.async_read_some(asio::buffer(room), as_result);
  CHECK(read == errc::stream_reset);
  const auto [write, m] = co_await s.client.async_write_some(asio::buffer(room), as_result);
  CHECK(write == errc::stream_reset);
  const read_result got = co_await read_all(s.server);
  CHECK(got.error == end_code::remote_disconnect);
}

awaitable<> ends_once_after_shutdown(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await stream.async_shutdown();
  co_await stream.async_shutdown();
  co_await s.peer.expect("0004 0001 03 00");
  stream.close();
  stream.reset(end_code::timeout);
  stream = sub_stream();
  co_await s.peer.expect_silence(5s);
  CHECK(s.subject.stats().streams == 1);
  co_await s.peer.send("0004 0001 03 00");
  co_await s.peer.expect_silence(5s);
  CHECK(s.subject.stats().streams == 0);
}

awaitable<> ends_once_after_reset(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  stream.reset(end_code::rejected);
  stream.reset(end_code::timeout);
  stream.close();
  stream = sub_stream();
  co_await s.peer.expect("0006 0001 03 01 0006");
  co_await s.peer.expect_silence(5s);
  co_await s.peer.send("0004 0001 03 00");
  co_await s.peer.expect_silence(5s);
}

awaitable<> answers_an_abort_once(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await s.peer.send("0006 0001 03 01 0005");
  co_await s.peer.expect("0004 0001 03 00");
  const read_result got = co_await read_all(stream);
  CHECK(got.error == end_code::unreachable);
  stream.reset();
  stream = sub_stream();
  co_await s.peer.expect_silence(5s);
}

awaitable<> ends_cross(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  stream.reset(end_code::timeout);
  co_await s.peer.send("0006 0001 03 01 0001");
  co_await s.peer.expect("0006 0001 03 01 0002");
  co_await s.peer.expect_silence(5s);
}

awaitable<> abort_after_half_close(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await stream.async_shutdown();
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.send("0004 0001 02 01 | 0002 6869  0006 0001 03 01 0001");
  co_await yield();
  const read_result got = co_await read_all(stream);
  CHECK(got.data.empty());
  CHECK(got.error == end_code::remote_disconnect);
  co_await s.peer.expect_silence(5s);
}

awaitable<> destroyed(scripted_session& s) {
  { const sub_stream stream = co_await opened(s); }
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.expect_silence(5s);
}

awaitable<> assigned_over(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  stream = co_await s.subject.async_open(to_tcp());
  std::string first = co_await next_words(s.peer);
  std::string second = co_await next_words(s.peer);
  CHECK(first == "new 2");
  CHECK(second == "end 1");
}

awaitable<> destroyed_after_both_ends(scripted_session& s) {
  {
    sub_stream stream = co_await opened(s);
    co_await s.peer.send("0004 0001 03 00");
    co_await read_all(stream);
    co_await stream.async_shutdown();
  }
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.expect_silence(5s);
}

awaitable<> closed(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  byte_string room(10);
  expected_completion read;
  stream.async_read_some(asio::buffer(room), read.handler());
  stream.close();
  co_await s.peer.expect("0004 0001 03 00");
  co_await yield();
  CHECK(read.error() == asio::error::operation_aborted);
  co_await s.peer.send("0004 0001 02 01 | 0002 6869  0004 0001 03 00");
  co_await s.peer.expect_silence(5s);
  CHECK(s.subject.stats().streams == 0);
  CHECK(s.subject.stats().unread == 0);
}

awaitable<> closed_while_writing(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  const byte_string data(65536 + 1);
  expected_completion write;
  asio::async_write(stream, asio::buffer(data), write.handler());
  co_await s.peer.receive(65536 + 2 * 8);
  co_await yield();
  stream.close();
  co_await s.peer.expect("0006 0001 03 01 0001");
  co_await yield();
  CHECK(write.error() == errc::stream_reset);
}

awaitable<> peer_goes_on_after_close(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  s.client.close();
  const byte_string data = pattern(1'000'000);
  const auto [error, n] = co_await asio::async_write(s.server, asio::buffer(data), as_result);
  CHECK_FALSE(error);
  co_await s.server.async_shutdown();
  co_await yield();
  CHECK(p.client.stats().streams == 0);
}

awaitable<> zero_is_no_abort(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  const byte_string data(65536 + 1);
  expected_completion write;
  asio::async_write(stream, asio::buffer(data), write.handler());
  co_await s.peer.receive(65536 + 2 * 8);
  co_await yield();
  stream.reset(end_code::graceful);
  co_await s.peer.expect("0006 0001 03 01 0001");
}

awaitable<> nothing_follows_an_abort(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  co_await s.peer.send(data_frame(1, 40'000), byte_string(40'000));
  co_await yield();
  byte_string room(40'000);
  expected_completion read;
  stream.async_read_some(asio::buffer(room), read.handler());  // takes enough for a CreditUpdate
  stream.reset(end_code::timeout);
  co_await s.peer.expect("0006 0001 03 01 0002");
  co_await s.peer.expect_silence(5s);
  CHECK(read.n() == 40'000);
}

/// Of so many bytes the application reads 40,000, and the End is right behind them.
template <std::size_t Size>
awaitable<> nothing_follows_the_last_end(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  co_await stream.async_shutdown();
  co_await s.peer.expect("0004 0001 03 00");
  byte_string upload = encoded(data_frame(1, Size), byte_string(Size));
  const byte_string last = encoded(end_of(1));
  upload.insert(upload.end(), last.begin(), last.end());
  byte_string room(40'000);
  expected_completion read;
  asio::async_read(stream, asio::buffer(room), read.handler());
  co_await s.peer.send_bytes(upload);
  co_await s.peer.expect_silence(5s);
  CHECK(read.n() == 40'000);
}

awaitable<> data_behind_the_peers_end(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send("000d 0001 01 00 01 00 0050 01 c0000201  0004 0001 03 00");
  co_await s.peer.send(new_tcp(2));
  sub_stream stream = co_await s.subject.async_accept(), other = co_await s.subject.async_accept();
  co_await s.peer.send("0004 0001 02 01 | 0001 78");
  co_await s.peer.expect("0006 0001 03 01 0003");
  const read_result got = co_await read_all(stream);
  CHECK(got.data.empty());
  CHECK(got.error == errc::stream_violation);
  const auto [failure, n] = co_await stream.async_write_some(asio::buffer("x", 1), as_result);
  CHECK(failure == errc::stream_violation);
  co_await s.peer.send(data_frame(2, 2), to_bytes("ok"));
  const std::string lives = co_await read_text(other, 2);
  CHECK(lives == "ok");
  CHECK(s.subject.stats().glitches == 0);
}

/// A connection's life as a server sees it: answer at once, take an upload, done.
awaitable<> upload_to(sub_stream s) {
  co_await s.async_shutdown(as_result);
  co_await read_all(s);
}

awaitable<> many_uploads(session_pair& p) {
  spawn(p.client.get_executor(), serve(p.server, upload_to));
  const byte_string data(40'000);
  for (int i = 0; i < 400; ++i) {
    auto result = co_await p.client.async_open(to_tcp(), as_result);
    auto& [error, stream] = result;
    REQUIRE_FALSE(error);
    co_await asio::async_write(stream, asio::buffer(data), as_result);
    co_await stream.async_shutdown(as_result);
    const read_result got = co_await read_all(stream);
    REQUIRE(got.error == asio::error::eof);
  }
  CHECK(p.client.stats().glitches == 0);
  CHECK(p.server.stats().glitches == 0);
}

}  // namespace

TEST_CASE("a reset reaches the peer as its code, and drops what was buffered", "[sub_stream][end]") {
  for (const end_code code : abort_codes) {
    INFO("code " << static_cast<unsigned>(code));
    asio::io_context context;
    session_pair p(context);
    run(context, reset_reaches_the_peer(p, code));
  }
}

TEST_CASE("after a reset operations fail with stream_reset", "[sub_stream][end]") {
  with_pair(own_operations_after_reset);
}

TEST_CASE("one End after a shutdown, whatever follows", "[sub_stream][end]") {
  with_script(role::client, ends_once_after_shutdown);
}

TEST_CASE("one End after a reset, whatever follows", "[sub_stream][end]") {
  with_script(role::client, ends_once_after_reset);
}

TEST_CASE("the peer's abort is answered with End(0), once", "[sub_stream][end]") {
  with_script(role::client, answers_an_abort_once);
}

TEST_CASE("crossing aborts are not answered", "[sub_stream][end]") { with_script(role::client, ends_cross); }

TEST_CASE("an abort after a half-close drops what was not read, and gets no second End",
          "[sub_stream][end]") {
  with_script(role::client, abort_after_half_close);
}

TEST_CASE("destroying a sub-stream ends it", "[sub_stream][end]") { with_script(role::client, destroyed); }

TEST_CASE("assigning over a sub-stream ends it", "[sub_stream][end]") {
  with_script(role::client, assigned_over);
}

TEST_CASE("destroying a sub-stream that has ended sends nothing", "[sub_stream][end]") {
  with_script(role::client, destroyed_after_both_ends);
}

TEST_CASE("close ends well and discards what still comes", "[sub_stream][end]") {
  with_script(role::client, closed);
}

TEST_CASE("close during a write is a reset", "[sub_stream][end]") {
  with_script(role::client, closed_while_writing);
}

TEST_CASE("a peer may send to its end after close", "[sub_stream][end]") {
  with_pair(peer_goes_on_after_close);
}

TEST_CASE("data behind the peer's own End(0) ends that sub-stream with code 3", "[sub_stream][end]") {
  with_script(role::server, data_behind_the_peers_end);
}

TEST_CASE("a reset with code 0 does not look like a clean end", "[sub_stream][end]") {
  with_script(role::client, zero_is_no_abort);
}

TEST_CASE("nothing follows an End with a code", "[sub_stream][end]") {
  with_script(role::client, nothing_follows_an_abort);
}

TEST_CASE("no frame follows once both Ends are sent", "[sub_stream][end]") {
  with_script(role::server, nothing_follows_the_last_end<40'000>);
  with_script(role::server, nothing_follows_the_last_end<40'100>);
  with_script(role::server, nothing_follows_the_last_end<60'000>);
}

TEST_CASE("hundreds of uploads in a row cost the peer no glitch", "[sub_stream][end]") {
  with_pair(many_uploads);
}
