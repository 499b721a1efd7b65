// What a sub-stream delivers when its object goes out of scope, and when close() or async_shutdown() comes
// beside a composed write: a reader that gets eof has got every byte of the writes that succeeded.
#include "conformance.hpp"
#include "wire_tap.hpp"

#include <random>

namespace scope_tests {

using namespace io_test;
using asio::cancellation_signal;
using asio::cancellation_type;

namespace {

// --- out of scope

awaitable<> delivers_a_small_write(scripted_session& s) {
  {
    sub_stream stream = co_await opened(s);
    co_await write_text(stream, "hello");
  }
  co_await s.peer.expect("0004 0001 02 01 | 0005 68656c6c6f  0004 0001 03 00");
  co_await s.peer.send(end_of(1));
  co_await s.peer.expect_silence(5s);
  CHECK(s.subject.stats().streams == 0);
}

awaitable<> delivers_a_large_write(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  const byte_string data = pattern(1'000'000);
  spawn(p.client.get_executor(), [](sub_stream out, const byte_string& from) -> awaitable<> {
    co_await asio::async_write(out, asio::buffer(from), asio::use_awaitable);
  }(std::move(s.client), data));
  const read_result got = co_await read_all(s.server);
  CHECK(got.data == data);
  CHECK(got.error == asio::error::eof);
}

awaitable<> ends_without_a_write(scripted_session& s) {
  { const sub_stream stream = co_await opened(s); }
  co_await s.peer.expect("0004 0001 03 00");
}

awaitable<> resets_while_a_write_waits(scripted_session& s) {
  expected_completion write;
  const byte_string data(65536 + 1);
  {
    sub_stream stream = co_await opened(s);
    stream.async_write_some(asio::buffer(data), [](error_code, std::size_t) {});
    co_await s.peer.receive(65536 + 2 * 8);
    co_await yield();
    stream.async_write_some(asio::buffer(data), write.handler());
    co_await yield();
  }
  co_await s.peer.expect("0006 0001 03 01 0001");
  CHECK(write.error() == errc::stream_reset);
}

awaitable<> resets_after_a_write_was_cancelled(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  const byte_string data(65536 + 1);
  cancellation_signal stop;
  expected_completion write;
  auto token = asio::bind_cancellation_slot(stop.slot(), write.handler());
  asio::async_write(stream, asio::buffer(data), std::move(token));
  co_await s.peer.receive(65536 + 2 * 8);
  co_await yield();
  stop.emit(cancellation_type::terminal);
  co_await yield();
  CHECK(write.error() == asio::error::operation_aborted);
  stream = sub_stream();
  co_await s.peer.expect("0006 0001 03 01 0001");
}

// After the caller has seen the count it may still decide that this was all.
awaitable<> may_be_shut_down_after_a_write_was_cancelled(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  const byte_string data(65536 + 1);
  cancellation_signal stop;
  expected_completion write;
  auto token = asio::bind_cancellation_slot(stop.slot(), write.handler());
  asio::async_write(stream, asio::buffer(data), std::move(token));
  co_await s.peer.receive(65536 + 2 * 8);
  co_await yield();
  stop.emit(cancellation_type::terminal);
  co_await yield();
  co_await stream.async_shutdown();
  stream = sub_stream();
  co_await s.peer.expect("0004 0001 03 00");
}

awaitable<> aborts_a_read(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  byte_string room(10);
  expected_completion read, cut;
  s.client.async_read_some(asio::buffer(room), read.handler());
  s.client.async_wait_reset(cut.handler());
  s.client = sub_stream();
  co_await yield();
  CHECK(read.error() == asio::error::operation_aborted);
  CHECK(cut.error() == asio::error::operation_aborted);
  const read_result got = co_await read_all(s.server);
  CHECK(got.error == asio::error::eof);
}

awaitable<> lets_the_peer_finish(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  co_await write_text(s.server, "never read");
  co_await yield();
  CHECK(p.client.stats().unread > 0);
  s.client = sub_stream();
  const byte_string data = pattern(1'000'000);
  const auto [error, n] = co_await asio::async_write(s.server, asio::buffer(data), as_result);
  CHECK_FALSE(error);
  co_await s.server.async_shutdown();
  co_await yield();
  CHECK(p.client.stats().streams == 0);
  CHECK(p.client.stats().unread == 0);
  CHECK(p.server.stats().streams == 0);
}

awaitable<> discards_within_bounds(session_pair& p) {
  stream_pair s = co_await open_pair(p);
  s.client = sub_stream();
  const byte_string data(10'000'000);
  expected_completion write;
  asio::async_write(s.server, asio::buffer(data), write.handler());
  co_await sleep_for(1s);
  CHECK_FALSE(write.done());
  CHECK(s.server.stats().sent.bytes >= 100'000);
  CHECK(s.server.stats().sent.bytes <= 100'000 + 2 * 65536);
  CHECK(s.server.stats().send_credit == 0);
  co_await sleep_for(session_options().credit_stall_timeout + 1s);
  CHECK(write.error() == errc::stream_timeout);
}

awaitable<> sends_its_datagrams_first(session_pair& p) {
  stream_pair s = co_await open_pair(p, to_udp());
  sub_datagram out(std::move(s.client)), in(std::move(s.server));
  const byte_string data(20'000);
  for (int i = 0; i < 4; ++i) co_await out.async_send(asio::buffer(data));  // three of them have credit
  out = sub_datagram();
  byte_string room(30'000);
  host_port from;
  for (int i = 0; i < 3; ++i) {
    const std::size_t n = co_await in.async_receive_from(asio::buffer(room), from);
    CHECK(n == data.size());
  }
  const auto [end, n] = co_await in.async_receive_from(asio::buffer(room), from, as_result);
  CHECK(end == asio::error::eof);
}

// --- shutdown beside a composed write

/// A sub-stream with an async_write() of 1 MiB, over a pipe that takes little at a time.
struct long_write {
  explicit long_write(std::size_t size = 1 << 20) : data(pattern(size)) {
    outcome opened, accepted;
    pair.client.async_open(to_tcp(), into(opened));
    pair.server.async_accept(into(accepted));
    run_ready(context);
    client = std::move(opened.stream);
    server = std::move(accepted.stream);
    asio::async_write(client, asio::buffer(data), write.handler());
    read();
  }
  void read() {
    server.async_read_some(asio::buffer(room), [this](error_code ec, std::size_t n) {
      got.insert(got.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n));
      end = ec;
      if (!ec) read();
    });
  }
  /// Runs so many handlers; false if there were fewer.
  bool run_handlers(std::size_t n) {
    context.restart();
    while (n > 0 && context.poll_one() != 0) --n;
    return n == 0;
  }

  asio::io_context context;
  manual_clock clock{context};
  session_pair pair{context, quiet(), 16 * 1024};
  sub_stream client, server;
  byte_string data, got, room = byte_string(50'000);
  expected_completion write;
  error_code end;
};

/// Calls `end` behind each number of handlers of a long write, until there are no more of them.
template <class End>
void at_each_step(std::size_t size, End end) {
  for (std::size_t n = 0;; ++n) {
    long_write x(size);
    const bool more = x.run_handlers(n);
    CAPTURE(n);
    end(x);
    run_ready(x.context);
    CHECK(x.end);
    // The property: eof only behind everything.
    if (x.end == asio::error::eof) CHECK(x.got == x.data);
    if (!more) return;
  }
}

// --- any order

/// Two sides that write, shut down, close, reset and destroy one sub-stream after the other at random
/// moments.
class random_ends {
 public:
  explicit random_ends(std::uint64_t seed) : random_(seed) {}

  void run() {
    for (int i = 0; i < 40; ++i) one();
    CHECK(clean_ > 0);
    CHECK(pair_.client.stats().glitches == 0);
    CHECK(pair_.server.stats().glitches == 0);
  }

 private:
  struct side {
    sub_stream s;
    byte_string out, in, room = byte_string(30'000);
    std::size_t written = 0;
    error_code end;
    bool writing = false, gone = false;
  };
  using side_ptr = std::shared_ptr<side>;

  void one() {
    outcome opened, accepted;
    pair_.client.async_open(to_tcp(), into(opened));
    pair_.server.async_accept(into(accepted));
    run_ready(context_);
    const side_ptr a = make(std::move(opened.stream)), b = make(std::move(accepted.stream));
    for (int i = 0; i < 60 && !(a->gone && b->gone); ++i) step(random_() % 2 ? a : b);
    for (const side_ptr& x : {a, b}) end(x, 0);
    run_ready(context_);
    check(*a, *b);
    check(*b, *a);
  }
  side_ptr make(sub_stream s) {
    const auto x = std::make_shared<side>();
    x->s = std::move(s);
    read(x);
    return x;
  }
  void step(const side_ptr& x) {
    const auto what = random_() % 40;
    if (what < 12) write(x);
    if (what >= 36) end(x, what);
    for (auto n = random_() % 12; n > 0; --n) context_.restart(), context_.poll_one();
  }
  void read(const side_ptr& x) {
    x->s.async_read_some(asio::buffer(x->room), [this, x](error_code ec, std::size_t n) {
      x->in.insert(x->in.end(), x->room.begin(), x->room.begin() + static_cast<std::ptrdiff_t>(n));
      if (ec) x->end = ec;
      if (!ec && !x->gone) read(x);
    });
  }
  void write(const side_ptr& x) {
    if (x->writing || x->gone) return;
    x->writing = true;
    static constexpr std::size_t sizes[] = {1, 100, 400, 513, 20'000, 150'000};
    const auto data = std::make_shared<byte_string>(pattern(sizes[random_() % 6]));
    asio::async_write(x->s, asio::buffer(*data), [x, data](error_code ec, std::size_t n) {
      x->writing = false;
      x->out.insert(x->out.end(), data->begin(), data->begin() + static_cast<std::ptrdiff_t>(n));
      if (!ec) x->written = x->out.size();
    });
  }
  /// 36: shutdown, 37: close, 38: reset, 39: destruction, not while a composed write refers to it.
  void end(const side_ptr& x, std::uint64_t how) {
    if (x->gone) return;
    if (how == 36) return x->s.async_shutdown([](error_code) {});
    if (how == 38) x->s.reset(end_code::timeout);
    if (how == 37 || x->writing) x->s.close();
    if (how != 38 && how != 37 && !x->writing) x->s = sub_stream();
    x->gone = true;
  }
  void check(const side& reader, const side& writer) {
    if (reader.end != asio::error::eof) return;
    ++clean_;
    CHECK(reader.in.size() >= writer.written);
    CHECK(reader.in == writer.out);
  }

  std::mt19937_64 random_;
  asio::io_context context_;
  manual_clock clock_{context_};
  session_pair pair_{context_, options(), 5'000};
  int clean_ = 0;

  static session_options options() {
    session_options o = quiet();
    o.premature_end = {1'000'000, 0};
    return o;
  }
};

}  // namespace

TEST_CASE("a sub-stream that goes out of scope delivers a small write", "[sub_stream][scope]") {
  with_script(role::client, delivers_a_small_write);
}
TEST_CASE("a sub-stream that goes out of scope delivers a large write", "[sub_stream][scope]") {
  with_pair(delivers_a_large_write);
}
TEST_CASE("a sub-stream that goes out of scope without a write ends with eof", "[sub_stream][scope]") {
  with_script(role::client, ends_without_a_write);
}
TEST_CASE("a sub-stream that goes out of scope while a write waits is reset", "[sub_stream][scope]") {
  with_script(role::client, resets_while_a_write_waits);
}
TEST_CASE("a sub-stream that goes out of scope after a cancelled write is reset", "[sub_stream][scope]") {
  with_script(role::client, resets_after_a_write_was_cancelled);
}
TEST_CASE("after a cancelled write async_shutdown still ends with eof", "[sub_stream][scope]") {
  with_script(role::client, may_be_shut_down_after_a_write_was_cancelled);
}
TEST_CASE("a sub-stream that goes out of scope aborts its reads", "[sub_stream][scope]") {
  with_pair(aborts_a_read);
}
TEST_CASE("a sub-stream that goes out of scope discards what the peer still sends", "[sub_stream][scope]") {
  with_pair(lets_the_peer_finish);
}
TEST_CASE("a sub-stream that goes out of scope credits no more than discard_limit", "[sub_stream][scope]") {
  session_options o = quiet();
  o.discard_limit = 100'000;
  asio::io_context context;
  manual_clock clock{context};
  session_pair p(context, o);
  run(clock, context, discards_within_bounds(p));
}
TEST_CASE("a UDP sub-stream that goes out of scope sends what has credit", "[sub_stream][scope][datagram]") {
  with_pair(sends_its_datagrams_first);
}

TEST_CASE("async_shutdown beside a composed write waits for all of it", "[sub_stream][shutdown]") {
  at_each_step(1 << 18, [](long_write& x) {
    expected_completion shut;
    x.client.async_shutdown(shut.handler());
    run_ready(x.context);
    CHECK(x.end == asio::error::eof);
    CHECK(shut.done());
    CHECK_FALSE(shut.error());
    CHECK_FALSE(x.write.error());
    CHECK(x.write.n() == x.data.size());
  });
}

TEST_CASE("async_shutdown beside a composed write of few bytes waits for it", "[sub_stream][shutdown]") {
  at_each_step(300, [](long_write& x) {
    expected_completion shut;
    x.client.async_shutdown(shut.handler());
    run_ready(x.context);
    CHECK(x.end == asio::error::eof);
    CHECK(shut.done());
  });
}

TEST_CASE("close beside a composed write never looks like its end", "[sub_stream][shutdown]") {
  at_each_step(1 << 18, [](long_write& x) {
    x.client.close();
    run_ready(x.context);
    const bool all = x.write.done() && !x.write.error();
    CHECK(x.end == (all ? error_code(asio::error::eof) : make_error_code(end_code::remote_disconnect)));
  });
}

TEST_CASE("a shutdown that waits for a composed write can be cancelled", "[sub_stream][shutdown]") {
  at_each_step(1 << 18, [](long_write& x) {
    cancellation_signal stop;
    expected_completion shut;
    x.client.async_shutdown(asio::bind_cancellation_slot(stop.slot(), shut.handler()));
    x.run_handlers(1);
    stop.emit(cancellation_type::total);
    run_ready(x.context);
    CHECK(shut.done());
    if (shut.error()) x.client = sub_stream();
    CHECK_FALSE(x.write.error());
  });
}

TEST_CASE("a context may go while a shutdown waits for a composed write", "[sub_stream][shutdown]") {
  for (std::size_t n = 0; n < 200; n += 7) {
    auto x = std::make_unique<long_write>();
    x->run_handlers(n);
    x->client.async_shutdown([](error_code) { FAIL("called"); });
    x.reset();
  }
}

TEST_CASE("after a shutdown has completed a write is refused", "[sub_stream][shutdown]") {
  long_write x(100);
  run_ready(x.context);
  x.client.async_shutdown([](error_code) {});
  expected_completion late;
  x.client.async_write_some(asio::buffer("x", 1), late.handler());
  run_ready(x.context);
  CHECK(late.error() == errc::already_shut_down);
  CHECK(x.got == x.data);
}

TEST_CASE("whatever ends a sub-stream, eof comes behind all that was written", "[sub_stream][scope]") {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    random_ends(seed).run();
  }
}

}  // namespace scope_tests
