// How sessions end: close, drain, the peer's farewell, a lost connection. Every pending operation learns of
// it.
#include "session_support.hpp"

namespace {

using namespace io_test;

/// One of each operation that can wait, pending on a session of one role.
struct pending_operations {
  expected_completion read, write, receive, accept, drain;
  byte_string room = byte_string(10), datagram = byte_string(10), big = byte_string(200'000);
  sub_stream reading, writing;
  sub_datagram receiving;
  host_port from;

  awaitable<> begin(session_pair& p) {
    stream_pair first = co_await open_pair(p);
    stream_pair second = co_await open_pair(p);
    reading = std::move(first.server);
    writing = std::move(second.server);
    kept.push_back(std::move(first.client));
    kept.push_back(std::move(second.client));
    stream_pair third = co_await open_pair(p, to_udp());
    receiving = sub_datagram(std::move(third.server));
    kept.push_back(std::move(third.client));
    receiving.async_receive_from(asio::buffer(datagram), from, receive.handler());
    reading.async_read_some(asio::buffer(room), read.handler());
    asio::async_write(writing, asio::buffer(big), write.handler());
    p.server.async_accept(accept.handler());
    p.server.async_drain(drain.handler());
    co_await yield();
  }
  void check_all(error_code expected) {
    for (const auto* op : {&read, &write, &receive, &accept, &drain}) {
      CHECK(op->done());
      CHECK(op->error() == expected);
    }
  }

  std::vector<sub_stream> kept;
};

awaitable<> close_ends_everything(session_pair& p) {
  pending_operations pending;
  co_await pending.begin(p);
  p.server.close();
  CHECK_FALSE(pending.read.done());  // nothing completes inside the call
  p.server.close();
  co_await yield();
  pending.check_all(errc::session_closed);
  REQUIRE(p.server_fate->has_value());
  CHECK(p.server_fate->value() == error_code());
  auto accepted = co_await p.server.async_accept(as_result);
  CHECK(std::get<0>(accepted) == errc::session_closed);
  auto opened = co_await p.client.async_open(to_tcp(), as_result);
  CHECK(std::get<0>(opened));
  const auto [drained] = co_await p.server.async_drain(as_result);
  CHECK(drained == errc::session_closed);
  const auto [again, n] = co_await pending.reading.async_read_some(asio::buffer(pending.room), as_result);
  CHECK(again == errc::session_closed);
}

awaitable<> peer_that_closes_is_a_loss(session_pair& p) {
  pending_operations pending;
  co_await pending.begin(p);
  p.client.close();
  co_await yield();
  REQUIRE(p.server_fate->has_value());
  CHECK(p.server_fate->value());
  pending.check_all(p.server_fate->value());
}

awaitable<> streams_outlive_their_session(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  co_await write_text(s.client, "last words");
  co_await yield();
  p.client = session();
  p.server = session();
  co_await yield();
  const read_result got = co_await read_all(s.server);
  CHECK(got.text() == "last words");
  CHECK(got.error);
  CHECK(got.error != asio::error::eof);
  const auto [failure, n] = co_await s.client.async_write_some(asio::buffer("x", 1), as_result);
  CHECK(failure == errc::session_closed);
  s.client.reset();
  s.server.close();
}

awaitable<> close_in_a_handler(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  expected_completion read;
  byte_string room(10);
  auto on_read = read.handler();
  auto closing = [&p, on_read](error_code error, std::size_t n) {
    p.server.close();
    p.client.close();
    on_read(error, n);
  };
  s.server.async_read_some(asio::buffer(room), closing);
  co_await write_text(s.client, "bye");
  co_await yield();
  CHECK(read.done());
  CHECK(p.server_fate->has_value());
  CHECK(p.client_fate->has_value());
}

// --- the peer leaves

awaitable<> peer_leaves_cleanly(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.shutdown();
  co_await yield();
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == error_code());
}

awaitable<> peer_leaves_with_a_stream_open(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  co_await s.peer.send(data_frame(1, 3), to_bytes("abc"));
  sub_stream stream = co_await s.subject.async_accept();
  co_await s.peer.shutdown();
  const read_result got = co_await read_all(stream);
  CHECK(got.text() == "abc");
  CHECK(got.error == errc::connection_lost);
  co_await yield();
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == errc::connection_lost);
}

awaitable<> peer_leaves_inside_a_frame(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send("0004 12");
  co_await s.peer.shutdown();
  co_await yield();
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == errc::connection_lost);
}

awaitable<> half_closed_is_open(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  co_await s.peer.send(end_of(1));
  co_await s.peer.shutdown();
  co_await yield();
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == errc::connection_lost);
  const auto [error, n] = co_await stream.async_write_some(asio::buffer("x", 1), as_result);
  CHECK(error == errc::connection_lost);
}

awaitable<> broken_structure(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  co_await s.peer.send("0004 0001 07 00");
  const read_result got = co_await read_all(stream);
  CHECK(got.error == errc::unknown_state);
  co_await yield();
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == errc::unknown_state);
  co_await s.peer.expect_reset();
}

awaitable<> good_bye(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  co_await s.client.async_shutdown();
  co_await s.server.async_shutdown();
  co_await p.client.async_drain();
  p.client.close();
  while (!p.server_fate->has_value()) co_await sleep_for(1ms);
  CHECK(p.server_fate->value() == error_code());
}

// --- draining

awaitable<> client_drains(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  expected_completion drain;
  s.subject.async_drain(drain.handler());
  auto refused = co_await s.subject.async_open(to_tcp(), as_result);
  CHECK(std::get<0>(refused) == errc::draining);
  co_await s.peer.expect(new_tcp(1));
  co_await stream.async_shutdown();
  co_await s.peer.expect(end_of(1));
  co_await yield();
  CHECK_FALSE(drain.done());
  co_await s.peer.send(data_frame(1, 2), to_bytes("ok"));
  co_await s.peer.send(end_of(1));
  co_await yield();
  CHECK(drain.done());
  CHECK_FALSE(drain.error());
  CHECK_FALSE(s.fate->has_value());
  const read_result got = co_await read_all(stream);
  CHECK(got.text() == "ok");
  const auto [again] = co_await s.subject.async_drain(as_result);
  CHECK_FALSE(again);
}

awaitable<> server_drains(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  expected_completion drain;
  s.subject.async_drain(drain.handler());
  co_await s.peer.send("000d 0002 01 01 01 00 0050 01 c0000201 | 0003 616263");
  co_await s.peer.expect("0006 0002 03 01 0004");
  co_await s.peer.send(data_frame(1, 3), to_bytes("abc"));
  const std::string got = co_await read_text(stream, 3);
  CHECK(got == "abc");
  co_await s.peer.send(end_of(1));
  co_await yield();
  CHECK_FALSE(drain.done());
  co_await stream.async_shutdown();
  co_await s.peer.expect(end_of(1));
  co_await yield();
  CHECK(drain.done());
  CHECK_FALSE(drain.error());
}

awaitable<> drain_waits_until_all_is_sent(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  const byte_string data(3000);
  expected_completion write, drain;
  stream.async_write_some(asio::buffer(data), write.handler());
  co_await yield();
  stream.reset();
  s.subject.async_drain(drain.handler());
  co_await yield();
  CHECK_FALSE(drain.done());
  std::string last;
  while (last != "end 1 code 1") last = co_await next_words(s.peer);
  co_await yield();
  CHECK(drain.done());
}

awaitable<> nothing_to_drain(session_pair& p) {
  co_await yield();
  co_await p.client.async_drain();
  co_await p.server.async_drain();
  CHECK_FALSE(p.client_fate->has_value());
}

}  // namespace

TEST_CASE("close ends every pending operation", "[session][close]") { with_pair(close_ends_everything); }

TEST_CASE("a peer that closes with sub-streams open is lost", "[session][close]") {
  with_pair(peer_that_closes_is_a_loss);
}

TEST_CASE("sub-streams outlive their session", "[session][close]") {
  with_pair(streams_outlive_their_session);
}

TEST_CASE("close inside a handler", "[session][close]") { with_pair(close_in_a_handler); }

TEST_CASE("eof between frames without sub-streams is a clean end", "[session][close]") {
  with_script(role::client, peer_leaves_cleanly);
  with_script(role::server, peer_leaves_cleanly);
}

TEST_CASE("eof with a sub-stream open is a lost connection", "[session][close]") {
  with_script(role::server, peer_leaves_with_a_stream_open);
  with_script(role::server, half_closed_is_open);
}

TEST_CASE("eof inside a frame is a lost connection", "[session][close]") {
  with_script(role::client, peer_leaves_inside_a_frame);
  with_script(role::server, peer_leaves_inside_a_frame);
}

TEST_CASE("broken structure closes the session, and sub-streams report why", "[session][close]") {
  with_script(role::server, broken_structure);
}

TEST_CASE("a drained session that closes is no loss to its peer", "[session][close]") {
  SECTION("over a pipe") { with_pair(good_bye); }
  SECTION("over TCP") {
    asio::io_context context;
    auto [a, b] = tcp_pair(context);
    session_pair p(session(std::move(a), role::client), session(std::move(b), role::server));
    run(context, good_bye(p));
  }
}

TEST_CASE("a client drains", "[session][drain]") { with_script(role::client, client_drains); }

TEST_CASE("a server drains and refuses", "[session][drain]") { with_script(role::server, server_drains); }

TEST_CASE("draining waits until everything is sent", "[session][drain]") {
  with_script(role::client, drain_waits_until_all_is_sent, {}, 1000);
}

TEST_CASE("an unused session is drained at once", "[session][drain]") { with_pair(nothing_to_drain); }
