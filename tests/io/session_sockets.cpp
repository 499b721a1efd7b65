// Sessions over sockets, which they read when bytes are there; and bytes that were read before the session
// began.
#include "session_support.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

namespace {

using namespace io_test;

awaitable<> send_all(sub_stream& to, const byte_string& data) {
  co_await asio::async_write(to, asio::buffer(data), asio::use_awaitable);
  co_await to.async_shutdown(asio::use_awaitable);
}

awaitable<> whole_transfers(session_pair& p, const byte_string& up, const byte_string& down) {
  stream_pair s = co_await open_pair(p);
  spawn(p.client.get_executor(), send_all(s.client, up));
  spawn(p.client.get_executor(), send_all(s.server, down));
  byte_string received(up.size()), answer(down.size());
  co_await asio::async_read(s.server, asio::buffer(received), asio::use_awaitable);
  co_await asio::async_read(s.client, asio::buffer(answer), asio::use_awaitable);
  CHECK(received == up);
  CHECK(answer == down);
}

template <class Sockets>
void transfer_over(asio::io_context& context, Sockets sockets, std::uint32_t read_buffer) {
  session_options o;
  o.read_buffer = read_buffer;
  session_pair p(session(std::move(sockets.first), role::client, o),
                 session(std::move(sockets.second), role::server, o));
  run(context, whole_transfers(p, pattern(300'000), pattern(70'001)));
}

/// A server's session over a socket, which has been agreed on and waits for bytes.
struct waiting_session {
  waiting_session() {
    subject.async_run(asio::bind_cancellation_slot(stop.slot(), ended.handler()));
    run(context, agree());
  }
  awaitable<> agree() {
    const auto hello = muxpro::testing::from_hex("0005 0000 00 01 01 0004 00000001");
    co_await asio::async_write(peer, asio::buffer(hello), asio::use_awaitable);
    byte_string answer(hello.size());
    co_await asio::async_read(peer, asio::buffer(answer), asio::use_awaitable);
    CHECK(answer == hello);
    co_await yield();
  }
  awaitable<> until_ended() {
    while (!ended.done()) co_await yield(1);
  }

  asio::io_context context;
  std::pair<local::socket, local::socket> sockets = local_pair(context);
  local::socket& peer = sockets.first;
  session subject{std::move(sockets.second), role::server};
  asio::cancellation_signal stop;
  expected_completion ended;
};

constexpr auto hello_and_data =
    "0005 0000 00 01 01 0004 00000001"
    "| 000d 0001 01 01 01 80 0050 01 7f000001 0002 6869"
    "| 0004 0001 02 01 0003 212121 | 0004 0001 03 00";

awaitable<> reads_what_came_early(session& s, pipe_end& peer, byte_string rest) {
  co_await asio::async_write(peer, asio::buffer(rest), asio::use_awaitable);
  sub_stream stream = co_await s.async_accept(asio::use_awaitable);
  byte_string received(5);
  co_await asio::async_read(stream, asio::buffer(received), asio::use_awaitable);
  CHECK(to_text(received) == "hi!!!");
}

}  // namespace

TEST_CASE("over sockets every byte arrives, however much one read takes", "[session][sockets]") {
  for (const std::uint32_t read_buffer : {1024u, 4096u, 128u * 1024}) {
    INFO(read_buffer);
    asio::io_context context;
    transfer_over(context, tcp_pair(context), read_buffer);
    transfer_over(context, local_pair(context), read_buffer);
  }
}

TEST_CASE("the run of a session that waits for its socket can be cancelled", "[session][sockets]") {
  waiting_session s;
  s.stop.emit(asio::cancellation_type::terminal);
  run(s.context, s.until_ended());
  CHECK(s.ended.error() == asio::error::operation_aborted);
}

TEST_CASE("a session that waits for its socket sees its peer's end", "[session][sockets]") {
  waiting_session s;
  s.peer.close();
  run(s.context, s.until_ended());
  CHECK_FALSE(s.ended.error());
}

TEST_CASE("a session that waits for its socket sees the end within a frame", "[session][sockets]") {
  waiting_session s;
  const auto half = muxpro::testing::from_hex("0004 0001");
  asio::write(s.peer, asio::buffer(half));
  s.peer.close();
  run(s.context, s.until_ended());
  CHECK(s.ended.error() == errc::connection_lost);
}

TEST_CASE("a context may be destroyed while a session waits for its socket", "[session][sockets]") {
  auto context = std::make_unique<asio::io_context>();
  auto [near, far] = local_pair(*context);
  session client(std::move(near), role::client), server(std::move(far), role::server);
  expected_completion ended;
  client.async_run(ended.handler());
  server.async_run(ended.handler());
  context->run_for(10ms);
  context.reset();
  CHECK_FALSE(ended.done());
}

TEST_CASE("bytes that were read before a session come first, wherever they end", "[session][sockets]") {
  const auto all = muxpro::testing::from_hex(hello_and_data);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    INFO(cut);
    asio::io_context context;
    auto [near, far] = make_pipe(context.get_executor());
    session_options o;
    o.early.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut));
    session s(std::move(far), role::server, std::move(o));
    const fate ended = run_in_background(s);
    run(context, reads_what_came_early(
                     s, near, byte_string(all.begin() + static_cast<std::ptrdiff_t>(cut), all.end())));
    CHECK_FALSE(ended->has_value());
  }
}
