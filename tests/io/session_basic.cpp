// The frames of a simple life on the wire, and the order of the session's operations.
#include "session_support.hpp"

#include <stdexcept>

namespace {

using namespace io_test;

awaitable<> one_life_of_a_client(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp(7));
  co_await write_text(stream, "hello");
  co_await s.peer.expect("0015 0001 01 00 01 07 01bb 02 0b 6578616d706c652e636f6d");
  co_await s.peer.expect("0004 0001 02 01 | 0005 68656c6c6f");
  co_await s.peer.send("0004 0001 02 01 | 0005 776f726c64");
  co_await s.peer.send("0004 0001 03 00");
  const read_result got = co_await read_all(stream);
  CHECK(got.text() == "world");
  CHECK(got.error == asio::error::eof);
  co_await stream.async_shutdown();
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.expect_silence(20s);
  CHECK(s.subject.stats().streams == 0);
}

awaitable<> one_life_of_a_server(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send("000d 0001 01 01 01 09 0050 01 c0000201 | 0003 616263");
  sub_stream stream = co_await s.subject.async_accept();
  CHECK(stream.id() == 1);
  CHECK(stream.priority() == 9);
  CHECK(stream.target() == destination(network::tcp, "192.0.2.1", 80));
  const std::string got = co_await read_text(stream, 3);
  CHECK(got == "abc");
  co_await write_text(stream, "xyz");
  co_await stream.async_shutdown();
  co_await s.peer.expect("0004 0001 02 01 | 0003 78797a");
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.send("0004 0001 03 00");
  co_await s.peer.expect_silence(20s);
}

awaitable<> first_data_rides_in_new(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(with_data("GET"));
  co_await s.peer.expect("0015 0001 01 01 01 00 01bb 02 0b 6578616d706c652e636f6d | 0003 474554");
  CHECK(stream.stats().send_credit == 65536 - 3);
}

awaitable<> opens_before_agreeing(scripted_session& s) {
  auto opened = std::make_shared<sub_stream>();
  s.subject.async_open(with_data("early"), [opened](error_code error, sub_stream stream) {
    CHECK_FALSE(error);
    *opened = std::move(stream);
  });
  co_await s.peer.expect("0005 0000 00 01 04 | 0010 02000000 01000000 00000001 00000000");
  co_await s.peer.expect_silence(5s);
  CHECK_FALSE(opened->is_open());
  co_await s.peer.send("0005 0000 00 01 01 | 0004 00000001");
  const std::string first = co_await next_words(s.peer);
  CHECK(first == "new 1 +5");
  CHECK(opened->is_open());
}

using counted_pipe = faulty_stream<pipe_end>;

struct counted_client {
  explicit counted_client(asio::io_context& context) {
    auto [a, b] = make_pipe(context.get_executor());
    p.emplace(session(counted_pipe(std::move(a), faults), role::client), session(std::move(b), role::server));
  }
  std::shared_ptr<fault> faults = std::make_shared<fault>();
  std::optional<session_pair> p;
};

awaitable<> open_then_write(session& client) {
  sub_stream stream = co_await client.async_open(to_tcp());
  co_await write_text(stream, "hello");
}

awaitable<> wrong_role(session_pair& p) {
  auto opened = co_await p.server.async_open(to_tcp(), as_result);
  CHECK(std::get<0>(opened) == errc::wrong_role);
  auto accepted = co_await p.client.async_accept(as_result);
  CHECK(std::get<0>(accepted) == errc::wrong_role);
}

awaitable<> bad_requests(session& client) {
  open_request nobody;
  nobody.target = destination(network::tcp, address(""), 1);
  auto first = co_await client.async_open(nobody, as_result);
  CHECK(std::get<0>(first) == errc::bad_host);
  open_request endless = to_tcp();
  endless.target.host = std::string(256, 'a');
  auto second = co_await client.async_open(endless, as_result);
  CHECK(std::get<0>(second) == errc::bad_host);
  open_request much = to_tcp();
  much.first_data.resize(65536);
  auto third = co_await client.async_open(much, as_result);
  CHECK(std::get<0>(third) == errc::datagram_too_large);
  CHECK(client.stats().opened == 0);
}

error_code result_of(asio::io_context& context, session& s) {
  const fate f = run_in_background(s);
  test::run_until(context, [&] { return f->has_value(); });
  return f->value();
}

awaitable<> handshake_then_echo(session& client, session& server) {
  auto executor = client.get_executor();
  server.async_handshake([](error_code) {});
  co_await client.async_handshake();
  co_await yield();
  CHECK(client.negotiated() == version_0_1);
  CHECK(server.negotiated() == version_0_1);
  run_in_background(client);
  run_in_background(server);
  spawn(executor, serve_echo(server));
  sub_stream stream = co_await client.async_open(with_data("ping"));
  const std::string got = co_await read_text(stream, 4);
  CHECK(got == "ping");
}

}  // namespace

TEST_CASE("a sub-stream of a client, byte for byte", "[session]") {
  with_script(role::client, one_life_of_a_client);
}

TEST_CASE("a sub-stream of a server, byte for byte", "[session]") {
  with_script(role::server, one_life_of_a_server);
}

TEST_CASE("first data rides in New", "[session]") { with_script(role::client, first_data_rides_in_new); }

TEST_CASE("opening waits for the negotiation", "[session]") {
  with_script(role::client, opens_before_agreeing);
}

TEST_CASE("opening and the first write share one gather write", "[session]") {
  asio::io_context context;
  counted_client c(context);
  run(context, yield());
  REQUIRE(c.p->client.negotiated());
  const std::size_t before = c.faults->writes();
  run(context, open_then_write(c.p->client));
  run(context, yield());
  CHECK(c.faults->writes() == before + 1);
}

TEST_CASE("only a client opens, only a server accepts", "[session]") {
  asio::io_context context;
  session_pair p(context);
  run(context, wrong_role(p));
}

TEST_CASE("a request that cannot be sent is refused before any byte", "[session]") {
  asio::io_context context;
  session_pair p(context);
  run(context, bad_requests(p.client));
}

TEST_CASE("handshake and run may be called one after the other", "[session]") {
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor());
  session client(std::move(a), role::client);
  session server(std::move(b), role::server);
  run(context, handshake_then_echo(client, server));
}

TEST_CASE("a session runs once at a time, and has run once it is closed", "[session]") {
  asio::io_context context;
  session_pair p(context);
  run(context, yield());
  CHECK(result_of(context, p.client) == errc::operation_in_progress);
  p.client.close();
  run(context, yield());
  CHECK(result_of(context, p.client) == error_code());
  CHECK(p.client_fate->value() == error_code());
}

TEST_CASE("a session closed before it ran never runs", "[session]") {
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor());
  session client(std::move(a), role::client);
  client.close();
  CHECK(result_of(context, client) == error_code());
  CHECK(b.available() == 0);
}

TEST_CASE("options out of range are refused with a sentence", "[session]") {
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor());
  session_options o;
  o.max_window = 1000;
  CHECK_THROWS_WITH(session(std::move(a), role::client, o),
                    Catch::Matchers::ContainsSubstring("max_window is 1000"));
}

TEST_CASE("a session may be empty, moved and assigned", "[session]") {
  asio::io_context context;
  session_pair p(context);
  session empty;
  empty.close();
  session moved(std::move(p.client));
  run(context, yield());
  CHECK(moved.negotiated());
  moved = session();
  run(context, yield());
  REQUIRE(p.client_fate->has_value());
  CHECK(p.client_fate->value() == error_code());
}
