// What a server takes and what it refuses: backlog, number of sub-streams, memory.
#include "session_support.hpp"

namespace {

using namespace io_test;

awaitable<> overfull_backlog(scripted_session& s) {
  co_await s.agree();
  for (stream_id id = 1; id <= 5; ++id) co_await s.peer.send(new_tcp(id));
  co_await s.peer.expect("0006 0004 03 01 0004");
  co_await s.peer.expect("0006 0005 03 01 0004");
  co_await s.peer.send("0004 0004 03 00  0004 0005 03 00");
  sub_stream first = co_await s.subject.async_accept();
  sub_stream second = co_await s.subject.async_accept();
  CHECK(first.id() == 1);
  CHECK(second.id() == 2);
  co_await s.peer.send(new_tcp(4));
  co_await s.peer.expect_silence(5s);
  CHECK(s.subject.stats().refused == 2);
  CHECK(s.subject.stats().streams == 4);
  CHECK(s.subject.stats().ends_sent.at(end_code::resources) == 2);
}

awaitable<> data_of_a_refused_stream(scripted_session& s) {
  co_await s.agree();
  for (stream_id id = 1; id <= 3; ++id) co_await s.peer.send(new_tcp(id));
  co_await s.peer.send("000d 0009 01 01 01 00 0050 01 c0000201 | 0003 616263");
  co_await s.peer.send(data_frame(9, 5), to_bytes("right"));
  co_await s.peer.expect("0006 0009 03 01 0004");
  co_await s.peer.send(end_of(9));
  co_await s.peer.expect_silence(5s);
  CHECK(s.subject.stats().unread == 0);
  CHECK(s.subject.stats().glitches == 0);
}

awaitable<> too_many_for_the_server(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  co_await s.peer.send(new_tcp(2));
  sub_stream first = co_await s.subject.async_accept();
  sub_stream second = co_await s.subject.async_accept();
  co_await s.peer.send(new_tcp(3));
  co_await s.peer.expect("0006 0003 03 01 0004");
  co_await s.peer.send(end_of(3));
  // An ended sub-stream counts until the application has let go of it.
  co_await first.async_shutdown();
  co_await s.peer.expect(end_of(1));
  co_await s.peer.send(end_of(1));
  co_await s.peer.send(new_tcp(4));
  co_await s.peer.expect("0006 0004 03 01 0004");
  co_await s.peer.send(end_of(4));
  first = sub_stream();
  co_await s.peer.send(new_tcp(5));
  co_await s.peer.expect_silence(5s);
  sub_stream third = co_await s.subject.async_accept();
  CHECK(third.id() == 5);
}

awaitable<> too_many_for_the_client(session_pair& p) {
  stream_pair first = co_await open_pair(p);
  stream_pair second = co_await open_pair(p);
  auto refused = co_await p.client.async_open(to_tcp(), as_result);
  CHECK(std::get<0>(refused) == errc::too_many_streams);
  first = stream_pair();
  co_await yield();  // both sides have ended it
  stream_pair third = co_await open_pair(p);
  CHECK(third.client.is_open());
}

awaitable<> aborted_while_waiting(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  co_await s.peer.send(new_tcp(2));
  co_await s.peer.send(end_of(1, end_code::remote_disconnect));
  co_await s.peer.expect(end_of(1));
  sub_stream first = co_await s.subject.async_accept();
  CHECK(first.id() == 2);
  CHECK(s.subject.stats().streams == 1);
}

awaitable<> ended_while_waiting(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send("000d 0001 01 01 01 00 0050 01 c0000201 | 0003 616263  0004 0001 03 00");
  co_await yield();
  sub_stream stream = co_await s.subject.async_accept();
  const read_result got = co_await read_all(stream);
  CHECK(got.text() == "abc");
  CHECK(got.error == asio::error::eof);
}

awaitable<> invalid_target(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send("000d 0001 01 00 01 00 0050 09 c0000201");
  co_await s.peer.expect("0006 0001 03 01 0003");
  co_await s.peer.send(end_of(1));
  co_await s.peer.send(new_tcp(2));
  sub_stream stream = co_await s.subject.async_accept();
  CHECK(stream.id() == 2);
}

awaitable<> little_memory(scripted_session& s, buffer_budget& budget) {
  co_await s.agree();
  budget.take(95'000);
  co_await s.peer.send(new_tcp(1));
  co_await s.peer.expect("0006 0001 03 01 0004");
  budget.give(1);
  co_await s.peer.send(new_tcp(2));
  sub_stream stream = co_await s.subject.async_accept();
  CHECK(stream.id() == 2);
  budget.give(94'999);
}

awaitable<> open_and_hold(session& client, std::vector<sub_stream>& held, std::size_t& left) {
  sub_stream s = co_await client.async_open(with_data("hello"));
  std::string answer(5, ' ');
  const auto [error, n] = co_await asio::async_read(s, asio::buffer(answer), as_result);
  if (!error && n == 5) held.push_back(std::move(s));
  --left;
}

void with_server(session_options options, awaitable<> (*work)(scripted_session&)) {
  asio::io_context context;
  manual_clock clock(context);
  scripted_session s(context, role::server, std::move(options));
  run(clock, context, work(s));
}

session_options backlog_of(std::uint32_t n) {
  session_options o;
  o.accept_backlog = n;
  return o;
}

session_options streams_up_to(std::uint32_t n) {
  session_options o;
  o.max_streams = n;
  return o;
}

}  // namespace

TEST_CASE("beyond the backlog sub-streams are ended with code 4", "[session][accept]") {
  with_server(backlog_of(3), overfull_backlog);
}

TEST_CASE("data of a refused sub-stream is discarded and does not count as odd", "[session][accept]") {
  with_server(backlog_of(3), data_of_a_refused_stream);
}

TEST_CASE("beyond max_streams sub-streams are ended with code 4", "[session][accept]") {
  with_server(streams_up_to(2), too_many_for_the_server);
}

TEST_CASE("a client opens no more than max_streams", "[session][accept]") {
  asio::io_context context;
  session_pair p(context, streams_up_to(2));
  run(context, too_many_for_the_client(p));
}

TEST_CASE("a sub-stream aborted in the backlog is never accepted", "[session][accept]") {
  with_server({}, aborted_while_waiting);
}

TEST_CASE("a sub-stream half-closed in the backlog is accepted with its data", "[session][accept]") {
  with_server({}, ended_while_waiting);
}

TEST_CASE("a New without a good target is ended with code 3", "[session][accept]") {
  with_server({}, invalid_target);
}

TEST_CASE("at 95 % of the process's budget new sub-streams are ended with code 4", "[session][accept]") {
  session_options o;
  o.process_budget = std::make_shared<buffer_budget>(100'000);
  asio::io_context context;
  manual_clock clock(context);
  scripted_session s(context, role::server, o);
  run(clock, context, little_memory(s, *o.process_budget));
}

TEST_CASE("a burst of max_streams opens is accepted by a server that just accepts", "[session][accept]") {
  asio::io_context context;
  session_pair p(context);
  spawn(context, serve_echo(p.server));
  std::size_t left = session_options().max_streams;
  std::vector<sub_stream> held;
  for (std::size_t i = left; i > 0; --i) spawn(context, open_and_hold(p.client, held, left));
  test::run_until(context, [&] { return left == 0; });
  CHECK(p.server.stats().refused == 0);
  CHECK(held.size() == session_options().max_streams);
}
