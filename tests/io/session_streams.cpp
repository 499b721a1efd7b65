// Bytes through sub-streams: echo over every kind of wire, Asio's composed operations, half-close.
#include "session_support.hpp"

#include <asio/read_until.hpp>
#include <asio/streambuf.hpp>

#include <istream>
#include <random>

namespace {

using namespace io_test;

awaitable<> send_in_pieces(sub_stream& s, std::size_t total) {
  std::minstd_rand random(1);
  const byte_string data = pattern(total);
  for (std::size_t at = 0; at < total;) {
    const std::size_t n = std::min<std::size_t>(total - at, 1 + random() % 40'000);
    co_await asio::async_write(s, asio::buffer(data.data() + at, n), asio::use_awaitable);
    at += n;
  }
  co_await s.async_shutdown();
}

awaitable<> echo_round_trip(session& client, session& server) {
  auto executor = client.get_executor();
  spawn(executor, serve_echo(server));
  const byte_string first = pattern(1000);
  open_request request = to_tcp();
  request.first_data = first;
  sub_stream stream = co_await client.async_open(request);
  constexpr std::size_t total = 300'000;
  spawn(executor, send_in_pieces(stream, total));
  const read_result got = co_await read_all(stream);
  CHECK(got.error == asio::error::eof);
  REQUIRE(got.data.size() == first.size() + total);
  CHECK(test::has_pattern(std::span(got.data).first(first.size())));
  CHECK(test::has_pattern(std::span(got.data).subspan(first.size())));
}

awaitable<> lines(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  co_await write_text(s.server, "first line\nsec");
  asio::streambuf buffer;
  std::istream in(&buffer);
  std::string line;
  co_await asio::async_read_until(s.client, buffer, '\n', asio::use_awaitable);
  std::getline(in, line);
  CHECK(line == "first line");
  co_await write_text(s.server, "ond\n");
  co_await asio::async_read_until(s.client, buffer, '\n', asio::use_awaitable);
  std::getline(in, line);
  CHECK(line == "second");
  co_await s.server.async_shutdown();
  const auto [error, n] = co_await asio::async_read_until(s.client, buffer, '\n', as_result);
  CHECK(error == asio::error::eof);
}

awaitable<> many_buffers(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  std::vector<std::string> words(10, "word ");
  std::vector<asio::const_buffer> from;
  for (const auto& w : words) from.push_back(asio::buffer(w));
  from.insert(from.begin() + 3, asio::const_buffer());
  const std::size_t written = co_await asio::async_write(s.client, from, asio::use_awaitable);
  CHECK(written == 50);
  std::vector<std::string> parts(10, std::string(5, '.'));
  std::vector<asio::mutable_buffer> into;
  for (auto& part : parts) into.push_back(asio::buffer(part));
  const std::size_t got = co_await asio::async_read(s.server, into, asio::use_awaitable);
  CHECK(got == 50);
  CHECK(parts == words);
}

awaitable<> nothing_to_transfer(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  const std::size_t read = co_await s.client.async_read_some(asio::mutable_buffer());
  const std::size_t written = co_await s.client.async_write_some(asio::const_buffer());
  CHECK(read + written == 0);
  CHECK(s.client.stats().sent.frames == 0);
}

awaitable<> one_of_each_at_a_time(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  byte_string big(100'000), room(10);
  expected_completion read, write, shutdown;
  s.client.async_read_some(asio::buffer(room), read.handler());
  asio::async_write(s.client, asio::buffer(big), write.handler());
  co_await yield();
  const auto [second_read, n] = co_await s.client.async_read_some(asio::buffer(room), as_result);
  CHECK(second_read == errc::operation_in_progress);
  const auto [second_write, m] = co_await s.client.async_write_some(asio::buffer(big), as_result);
  CHECK(second_write == errc::operation_in_progress);
  s.client.async_shutdown(shutdown.handler());
  const auto [second_shutdown] = co_await s.client.async_shutdown(as_result);
  CHECK(second_shutdown == errc::operation_in_progress);
  CHECK_FALSE(read.done());
  CHECK_FALSE(write.done());
  CHECK_FALSE(shutdown.done());
}

// --- half-close

awaitable<> client_ends_first(session_pair& p) {
  stream_pair s = co_await open_pair(p, with_data("question"));
  co_await s.client.async_shutdown();
  const read_result question = co_await read_all(s.server);
  CHECK(question.text() == "question");
  CHECK(question.error == asio::error::eof);
  spawn(p.client.get_executor(), send_in_pieces(s.server, 200'000));
  const read_result answer = co_await read_all(s.client);
  CHECK(answer.data.size() == 200'000);
  CHECK(test::has_pattern(answer.data));
  CHECK(answer.error == asio::error::eof);
  byte_string room(1);
  const auto [again, n] = co_await s.client.async_read_some(asio::buffer(room), as_result);
  CHECK(again == asio::error::eof);
}

awaitable<> server_ends_first(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  co_await s.server.async_shutdown();
  const read_result nothing = co_await read_all(s.client);
  CHECK(nothing.data.empty());
  CHECK(nothing.error == asio::error::eof);
  spawn(p.client.get_executor(), send_in_pieces(s.client, 200'000));
  const read_result got = co_await read_all(s.server);
  CHECK(got.data.size() == 200'000);
  CHECK(got.error == asio::error::eof);
}

awaitable<> writes_after_end(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  co_await s.client.async_shutdown();
  const auto [error, n] = co_await s.client.async_write_some(asio::buffer("x", 1), as_result);
  CHECK(error == errc::already_shut_down);
  CHECK(n == 0);
}

awaitable<> end_waits_for_the_write(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await next_words(s.peer);
  const byte_string data(65536 + 10);
  expected_completion write, shutdown, late;
  asio::async_write(stream, asio::buffer(data), write.handler());
  co_await s.peer.receive(65536 + 2 * 8);
  co_await yield();
  const auto [error, n] = co_await stream.async_write_some(asio::buffer(data), as_result);
  CHECK(error == errc::operation_in_progress);
  stream.async_shutdown(shutdown.handler());
  co_await s.peer.expect_silence(1s);
  CHECK_FALSE(shutdown.done());
  co_await s.peer.send(credit_for(1, 65536));
  const std::string rest = co_await next_words(s.peer);
  CHECK(rest == "keep 1 +10");
  co_await s.peer.expect("0004 0001 03 00");
  co_await yield();
  CHECK(write.done());
  CHECK_FALSE(write.error());
  CHECK(write.n() == data.size());
  CHECK(shutdown.done());
  CHECK_FALSE(shutdown.error());
}

awaitable<> eof_comes_last(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  co_await s.peer.send("0004 0001 02 01 | 0005 68656c6c6f  0004 0001 03 00");
  co_await yield();
  std::string two(2, ' ');
  const std::size_t first = co_await stream.async_read_some(asio::buffer(two));
  CHECK(first == 2);
  CHECK(two == "he");
  const read_result rest = co_await read_all(stream);
  CHECK(rest.text() == "llo");
  CHECK(rest.error == asio::error::eof);
}

}  // namespace

TEST_CASE("echo over a pipe", "[session][sub_stream]") {
  for (const std::size_t capacity : {0U, 1U, 100U, 65536U}) {
    INFO("capacity " << capacity);
    asio::io_context context;
    session_pair p(context, {}, capacity);
    run(context, echo_round_trip(p.client, p.server));
  }
}

TEST_CASE("echo over loopback TCP", "[session][sub_stream]") {
  asio::io_context context;
  auto [a, b] = tcp_pair(context);
  session_pair p(session(std::move(a), role::client), session(std::move(b), role::server));
  run(context, echo_round_trip(p.client, p.server));
}

TEST_CASE("echo over a local socket", "[session][sub_stream]") {
  asio::io_context context;
  auto [a, b] = local_pair(context);
  session_pair p(session(std::move(a), role::client), session(std::move(b), role::server));
  run(context, echo_round_trip(p.client, p.server));
}

TEST_CASE("read_until finds lines across frames", "[sub_stream]") { with_pair(lines); }

TEST_CASE("sequences of many buffers", "[sub_stream]") { with_pair(many_buffers); }

TEST_CASE("empty buffers move nothing and wait for nothing", "[sub_stream]") {
  with_pair(nothing_to_transfer);
}

TEST_CASE("one read, one write and one shutdown at a time", "[sub_stream]") {
  with_pair(one_of_each_at_a_time);
}

TEST_CASE("a client may end first and read on", "[sub_stream][end]") { with_pair(client_ends_first); }

TEST_CASE("a server may end first and read on", "[sub_stream][end]") { with_pair(server_ends_first); }

TEST_CASE("nothing can be written after the End", "[sub_stream][end]") { with_pair(writes_after_end); }

TEST_CASE("End goes out behind the pending write", "[sub_stream][end]") {
  with_script(role::client, end_waits_for_the_write);
}

TEST_CASE("eof comes after the last byte", "[sub_stream][end]") { with_script(role::server, eof_comes_last); }
