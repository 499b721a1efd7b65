// session::async_close(): what is finished is delivered, the peer gets EOF (over TLS: close_notify) and no
// error; a connection that is cut is distinguished. The same for a pool that drains.
#include "certificate.hpp"
#include "pool_support.hpp"

#include <asio/ssl.hpp>

namespace goodbye_tests {

using namespace io_test;
using asio::cancellation_signal;
using asio::cancellation_type;

namespace {

using tls_socket = asio::ssl::stream<tcp::socket>;

awaitable<> shake_hands(tls_socket& client, tls_socket& server) {
  expected_completion accepted;
  server.async_handshake(asio::ssl::stream_base::server, accepted.handler());
  co_await client.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  while (!accepted.done()) co_await yield(1);
}

awaitable<> wait_for(fate f) {
  while (!f->has_value()) co_await sleep_for(1ms);
}

/// Runs `work` with two sessions over TLS over TCP.
void over_tls(awaitable<> (*work)(session_pair&)) {
  asio::io_context context;
  test_tls contexts;
  auto [a, b] = tcp_pair(context);
  auto client = std::make_unique<tls_socket>(std::move(a), contexts.client);
  auto server = std::make_unique<tls_socket>(std::move(b), contexts.server);
  run(context, shake_hands(*client, *server));
  session_pair p(session(std::move(*client), role::client), session(std::move(*server), role::server));
  run(context, work(p));
}

void over_each_layer(awaitable<> (*work)(session_pair&)) {
  SECTION("a pipe") { with_pair(work); }
  SECTION("TLS") { over_tls(work); }
  SECTION("TCP") {
    asio::io_context context;
    auto [a, b] = tcp_pair(context);
    session_pair p(session(std::move(a), role::client), session(std::move(b), role::server));
    run(context, work(p));
  }
}

awaitable<> closes_without_an_error(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  co_await write_text(s.client, "hello");
  co_await s.client.async_shutdown();
  co_await s.server.async_shutdown();
  const read_result got = co_await read_all(s.server);
  CHECK(got.text() == "hello");
  co_await p.client.async_drain();
  const auto [closed] = co_await p.client.async_close(as_result);
  CHECK_FALSE(closed);
  co_await wait_for(p.server_fate);
  CHECK(p.server_fate->value() == error_code());
  co_await wait_for(p.client_fate);
  CHECK(p.client_fate->value() == error_code());
}

awaitable<> server_closes_without_an_error(session_pair& p) {
  co_await yield();
  while (!p.server.negotiated()) co_await sleep_for(1ms);
  const auto [closed] = co_await p.server.async_close(as_result);
  CHECK_FALSE(closed);
  co_await wait_for(p.client_fate);
  CHECK(p.client_fate->value() == error_code());
}

awaitable<> both_close_at_once(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  s = stream_pair();
  expected_completion client, server;
  p.client.async_close(client.handler());
  p.server.async_close(server.handler());
  co_await wait_for(p.client_fate);
  co_await wait_for(p.server_fate);
  co_await yield();
  CHECK(client.done());
  CHECK(server.done());
  CHECK_FALSE(client.error());
  CHECK_FALSE(server.error());
}

awaitable<> cut_over_tls(session_pair& p) {
  while (!p.server.negotiated()) co_await sleep_for(1ms);
  p.client.close();
  co_await wait_for(p.server_fate);
  CHECK(p.server_fate->value() == asio::ssl::error::stream_truncated);
}

awaitable<> delivers_what_is_finished(session_pair& p) {
  stream_pair s = co_await open_pair(p), other = co_await open_pair(p);
  co_await write_text(s.client, "last words");
  s.client = sub_stream();
  expected_completion close, read, write;
  p.client.async_close(close.handler());
  byte_string room(10);
  other.client.async_read_some(asio::buffer(room), read.handler());
  other.client.async_write_some(asio::buffer("x", 1), write.handler());
  const read_result got = co_await read_all(s.server);
  CHECK(got.text() == "last words");
  CHECK(got.error == asio::error::eof);
  const read_result cut = co_await read_all(other.server);
  CHECK(cut.error == end_code::remote_disconnect);
  CHECK(read.error() == errc::session_closed);
  CHECK(write.error() == errc::session_closed);
  CHECK_FALSE(close.done());  // the peer has not ended the first one yet
  s.server = sub_stream();
  co_await wait_for(p.server_fate);
  CHECK(p.server_fate->value() == error_code());
  co_await wait_for(p.client_fate);
  co_await yield();
  CHECK(close.done());
  CHECK_FALSE(close.error());
}

awaitable<> peer_gets_eof(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  expected_completion close;
  s.subject.async_close(close.handler());
  co_await s.peer.expect("0006 0001 03 01 0001");
  co_await s.peer.expect_eof();
  CHECK_FALSE(close.done());
  co_await s.peer.send("0004 0001 03 00  0004 beef 04 00");  // may come late
  co_await yield();
  CHECK_FALSE(close.done());
  auto refused = co_await s.subject.async_open(to_tcp(), as_result);
  CHECK(std::get<0>(refused) == errc::draining);
  co_await s.peer.shutdown();
  co_await yield();
  CHECK(close.done());
  CHECK_FALSE(close.error());
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == error_code());
  const auto [again] = co_await s.subject.async_close(as_result);
  CHECK_FALSE(again);
}

awaitable<> peer_stays_silent(scripted_session& s) {
  co_await s.agree();
  expected_completion close;
  s.subject.async_close(close.handler());
  co_await s.peer.expect_eof();
  co_await sleep_for(9900ms);
  CHECK_FALSE(close.done());
  co_await sleep_for(200ms);
  CHECK(close.error() == errc::close_timeout);
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == errc::close_timeout);
}

awaitable<> peer_does_not_end_its_sub_stream(scripted_session& s) {
  { sub_stream stream = co_await opened(s); }
  expected_completion close;
  s.subject.async_close(close.handler());
  co_await s.peer.expect("0004 0001 03 00");
  co_await s.peer.expect_silence(9s);
  CHECK_FALSE(close.done());
  co_await sleep_for(2s);
  CHECK(close.error() == errc::close_timeout);
}

awaitable<> peer_breaks_off(scripted_session& s) {
  { sub_stream stream = co_await opened(s); }
  expected_completion close;
  s.subject.async_close(close.handler());
  co_await s.peer.expect("0004 0001 03 00");
  s.peer.close();
  co_await yield();
  CHECK(close.done());
  CHECK(close.error());
  CHECK(close.error() == s.fate->value());
}

awaitable<> close_overtakes(scripted_session& s) {
  co_await s.agree();
  expected_completion close, second;
  s.subject.async_close(close.handler());
  s.subject.async_close(second.handler());
  co_await yield();
  s.subject.close();
  co_await yield();
  CHECK(close.error() == errc::session_closed);
  CHECK(second.error() == errc::session_closed);
}

awaitable<> cancelled(scripted_session& s) {
  co_await s.agree();
  for (const auto type :
       {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
    cancellation_signal stop;
    expected_completion close;
    s.subject.async_close(asio::bind_cancellation_slot(stop.slot(), close.handler()));
    co_await yield();
    stop.emit(type);
    co_await yield();
    CHECK(close.error() == asio::error::operation_aborted);
  }
  co_await s.peer.expect_eof();
  co_await s.peer.shutdown();
  co_await yield();
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == error_code());
}

awaitable<> accepts_nothing_more(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  co_await yield();
  expected_completion accept;
  co_await s.subject.async_accept();
  s.subject.async_accept(accept.handler());
  s.subject.async_close([](error_code) {});
  co_await yield();
  CHECK(accept.error() == errc::session_closed);
  co_await s.peer.expect("0004 0001 03 00");
}

awaitable<> idle_over_tls(session_pair& p) {
  while (!p.server.negotiated()) co_await sleep_for(1ms);
  co_await wait_for(p.client_fate);
  co_await wait_for(p.server_fate);
  const bool server_was_first = p.server_fate->value() == errc::idle_timeout;
  CHECK((server_was_first ? p.client_fate : p.server_fate)->value() == error_code());
}

}  // namespace

TEST_CASE("async_close ends both sides without an error", "[session][goodbye]") {
  over_each_layer(closes_without_an_error);
}
TEST_CASE("a server's async_close ends both sides without an error", "[session][goodbye]") {
  over_each_layer(server_closes_without_an_error);
}
TEST_CASE("both sides may call async_close at once", "[session][goodbye]") {
  over_each_layer(both_close_at_once);
}
TEST_CASE("over TLS a session that is cut differs from one that was closed", "[session][goodbye]") {
  over_tls(cut_over_tls);
}
TEST_CASE("async_close delivers what is finished and resets the rest", "[session][goodbye]") {
  over_each_layer(delivers_what_is_finished);
}
TEST_CASE("async_close sends EOF behind everything and waits for the peer's", "[session][goodbye]") {
  with_script(role::client, peer_gets_eof);
}
TEST_CASE("async_close fails after close_timeout", "[session][goodbye]") {
  with_script(role::client, peer_stays_silent);
  with_script(role::server, peer_stays_silent);
  with_script(role::client, peer_does_not_end_its_sub_stream);
}
TEST_CASE("async_close reports a connection that breaks before", "[session][goodbye]") {
  with_script(role::client, peer_breaks_off);
}
TEST_CASE("close() overtakes async_close()", "[session][goodbye]") {
  with_script(role::client, close_overtakes);
}
TEST_CASE("a cancelled async_close goes on", "[session][goodbye]") { with_script(role::client, cancelled); }
TEST_CASE("async_close ends the accepts that wait", "[session][goodbye]") {
  with_script(role::server, accepts_nothing_more);
}

TEST_CASE("async_close of a session that does not run is close()", "[session][goodbye]") {
  asio::io_context context;
  auto [a, b] = make_pipe(context.get_executor(), 1000);
  session s(std::move(a), role::client);
  expected_completion close;
  s.async_close(close.handler());
  run_ready(context);
  CHECK(close.done());
  CHECK_FALSE(close.error());
}

TEST_CASE("a context or a session may go while async_close waits", "[session][goodbye]") {
  for (std::size_t n = 0; n < 60; ++n) {
    CAPTURE(n);
    const bool context_first = n % 2 == 0;
    ledger handlers;
    auto context = std::make_unique<asio::io_context>();
    auto p = std::make_unique<session_pair>(*context, quiet());
    run_ready(*context);
    p->client.async_close(counted(handlers, [](error_code) {}));
    context->restart();
    for (std::size_t i = 0; i < n / 2 && context->poll_one() != 0; ++i) {
    }
    if (context_first) {
      context.reset();
    } else {
      p.reset();
      run_ready(*context);
      CHECK(handlers.called == 1);
    }
    p.reset();
    CHECK(handlers.alive() == 0);
  }
}

TEST_CASE("over TLS an idle session sends close_notify", "[session][goodbye]") {
  asio::io_context context;
  test_tls contexts;
  auto [a, b] = tcp_pair(context);
  tls_socket client(std::move(a), contexts.client), server(std::move(b), contexts.server);
  run(context, shake_hands(client, server));
  session_options often;
  often.session_idle = 30ms;
  session_pair p(session(std::move(client), role::client), session(std::move(server), role::server, often));
  run(context, idle_over_tls(p));
}

TEST_CASE("a pool that drains ends the other side without an error", "[client_pool][goodbye]") {
  farm f;
  outcome& o = f.open();
  f.settle();
  REQUIRE_FALSE(o.error);
  o.stream = sub_stream();
  expected_completion drain;
  f.pool.async_drain(drain.handler());
  f.settle();
  CHECK(drain.done());
  CHECK_FALSE(drain.error());
  for (const auto& h : f.hosts) {
    REQUIRE(h->ended->has_value());
    CHECK(h->ended->value() == error_code());
  }
}

TEST_CASE("a dialer's exception keeps its text", "[client_pool]") {
  farm f;
  f.behaviour = dial_behaviour::throws;
  outcome& o = f.open();
  f.settle();
  CHECK(o.error == errc::dial_failed);
  CHECK(o.error == std::errc::io_error);
  CHECK(f.pool.stats().last_failure == "no such road");
}

}  // namespace goodbye_tests
