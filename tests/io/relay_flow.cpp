// Relays from sub-streams to sockets, where bytes go on as they come, straight or through a pipe.
#include "relay_support.hpp"

#include <muxpro/semaphore.hpp>

#include <asio/this_coro.hpp>

using namespace io_test;

namespace {

constexpr std::size_t flow_size = 12 << 20;

/// client <-> near (a socket), relayed to far <-> server (a sub-stream); or with a pipe and a second relay in
/// between.
struct tunnel {
  auto handler(relay_outcome& o) { return asio::bind_cancellation_slot(stop.slot(), keep_relay_outcome{&o}); }
  explicit tunnel(asio::io_context& context, bool piped, relay_options options = {})
      : sockets(tcp_pair(context)), sessions(context), streams(test::run(context, open_pair(sessions))) {
    auto& [client, near] = sockets;
    if (!piped) {
      async_relay(near, streams.client, options, handler(outcome));
      return;
    }
    pipe = make_pipe(context.get_executor(), 5000);
    async_relay(near, pipe.first, options, handler(outcome));
    async_relay(pipe.second, streams.client, options, handler(second));
  }
  tcp::socket& client() { return sockets.first; }
  sub_stream& server() { return streams.server; }
  bool over() const { return outcome.done() && (!pipe.first.is_open() || second.done()); }

  asio::cancellation_signal stop;
  std::pair<tcp::socket, tcp::socket> sockets;
  session_pair sessions;
  stream_pair streams;
  std::pair<pipe_end, pipe_end> pipe;
  relay_outcome outcome, second;
};

awaitable<> send_all(sub_stream& s, const byte_string& data, bool& done) {
  const auto [error, n] = co_await asio::async_write(s, asio::buffer(data), as_result);
  done = !error;
  if (done) co_await s.async_shutdown(as_result);
}

awaitable<> receive_all(tcp::socket& s, read_result& got) { got = co_await read_to_end(s, 1 << 16); }

awaitable<> half_close(tcp::socket& s) {
  error_code cut_before;
  s.shutdown(tcp::socket::shutdown_send, cut_before);
  co_return;
}

}  // namespace

TEST_CASE("a sub-stream flows to a socket that takes everything", "[relay][flow]") {
  const bool piped = GENERATE(false, true);
  asio::io_context context;
  tunnel t(context, piped);
  const byte_string data = pattern(flow_size);
  bool sent = false;
  read_result got;
  spawn(context, send_all(t.server(), data, sent));
  spawn(context, half_close(t.client()));
  test::run(context, receive_all(t.client(), got));
  test::run_until(context, [&] { return t.over(); });
  CHECK(sent);
  CHECK(got.error == eof);
  CHECK(got.data == data);
  CHECK(t.outcome.is(no_error));
  CHECK(t.outcome.result.b_to_a == flow_size);
}

TEST_CASE("a full socket delays only its sub-stream, and no byte is lost", "[relay][flow]") {
  const bool piped = GENERATE(false, true);
  asio::io_context context;
  tunnel t(context, piped);
  const byte_string data = pattern(flow_size);
  bool sent = false;
  spawn(context, send_all(t.server(), data, sent));
  run_ready(context);
  CHECK_FALSE(sent);
  CHECK(t.streams.client.stats().unread > 0);

  auto other = test::run(context, open_pair(t.sessions));
  asio::async_write(other.server, asio::buffer("hello", 5), [](error_code, std::size_t) {});
  std::string hello(5, ' ');
  std::size_t n = 0;
  asio::async_read(other.client, asio::buffer(hello), [&n](error_code, std::size_t read) { n = read; });
  run_ready(context);
  CHECK((n == 5 && hello == "hello"));

  read_result got;
  t.client().shutdown(tcp::socket::shutdown_send);
  test::run(context, receive_all(t.client(), got));
  test::run_until(context, [&] { return t.over(); });
  CHECK(got.error == eof);
  CHECK(got.data == data);
  CHECK(t.outcome.is(no_error));
}

TEST_CASE("a socket that breaks under a flow is named, and the sub-stream is reset", "[relay][flow]") {
  const bool piped = GENERATE(false, true);
  const bool full = GENERATE(false, true);
  asio::io_context context;
  tunnel t(context, piped);
  const byte_string data = pattern(flow_size);
  bool sent = false;
  spawn(context, send_all(t.server(), data, sent));
  if (full) run_ready(context);
  t.client().set_option(asio::socket_base::linger(true, 0));
  t.client().close();
  read_result got;
  spawn(context,
        [](sub_stream& s, read_result& r) -> awaitable<> { r = co_await read_to_end(s); }(t.server(), got));
  test::run_until(context, [&] { return t.over() && got.error; });
  CHECK(t.outcome.error);
  CHECK(t.outcome.error != eof);
  CHECK(t.outcome.result.failed == relay_side::a);
  CHECK(got.error == end_code::remote_disconnect);
  CHECK_FALSE(sent);
}

TEST_CASE("a socket that takes nothing more is idle", "[relay][flow]") {
  asio::io_context context;
  manual_clock clock(context);
  relay_options options;
  options.idle = 10s;
  tunnel t(context, false, options);
  const byte_string data = pattern(flow_size);
  bool sent = false;
  spawn(context, send_all(t.server(), data, sent));
  clock.run_for(context, 10s - 1ms);
  CHECK_FALSE(t.over());
  clock.run_for(context, 1s);
  CHECK(t.outcome.is(asio::error::timed_out));
  CHECK(t.outcome.result.failed == relay_side::none);
}

namespace {

struct busy_tunnel {
  busy_tunnel(asio::io_context& context, bool piped) : t(context, piped) {
    spawn(context, send_all(t.server(), data, sent));
    spawn(context, half_close(t.client()));
    spawn(context, receive_all(t.client(), got));
  }
  const byte_string data = pattern(400'000);
  tunnel t;
  bool sent = false;
  read_result got;
};

awaitable<> hold([[maybe_unused]] std::unique_ptr<busy_tunnel> busy) {
  semaphore never(co_await asio::this_coro::executor);
  co_await never.async_acquire(1);
}

}  // namespace

TEST_CASE("a flow may be cancelled after any handler", "[relay][flow]") {
  const bool piped = GENERATE(false, true);
  bool finished = false;
  std::size_t steps = 0;
  for (; !finished; steps += 3) {
    asio::io_context context;
    busy_tunnel busy(context, piped);
    for (std::size_t n = 0; n < steps; ++n) context.poll_one();
    finished = busy.t.over();
    busy.t.stop.emit(asio::cancellation_type::terminal);
    test::run_until(context, [&] { return busy.t.over() && busy.got.error; });
    CHECK(busy.t.outcome.calls == 1);
    CHECK((busy.got.error != eof || busy.got.data == busy.data));
  }
  CHECK(steps > 30);
}

TEST_CASE("the context may take a flow with it after any handler", "[relay][flow]") {
  const bool piped = GENERATE(false, true);
  bool finished = false;
  for (std::size_t steps = 0; !finished; steps += 3) {
    asio::io_context context;
    auto busy = std::make_unique<busy_tunnel>(context, piped);
    const tunnel& t = busy->t;
    spawn(context, hold(std::move(busy)));
    for (std::size_t n = 0; n < steps; ++n) context.poll_one();
    finished = t.over();
  }
}
