// Deadlines of a session, on a manual clock: negotiation, idleness, keep-alive, progress of reads and writes.
#include "session_support.hpp"

#include <set>

namespace {

using namespace io_test;

/// The peer does nothing or too little; how the session ends, and when.
struct ending {
  ending() = default;
  error_code why;
  duration after{};
};

ending end_of_session(manual_clock& clock, asio::io_context& context, const fate& f, duration at_most = 1h) {
  const time_point begin = clock.now();
  while (!f->has_value() && clock.now() - begin < at_most) clock.run_for(context, 100ms);
  ending out;
  if (f->has_value()) out.why = f->value();
  out.after = clock.now() - begin;
  return out;
}

struct timed {
  explicit timed(role side, session_options o = {}, std::size_t capacity = 1 << 20)
      : session(context, side, std::move(o), capacity) {}
  asio::io_context context;
  manual_clock clock{context};
  scripted_session session;

  void run(awaitable<> work, duration at_most = 2h) {
    io_test::run(clock, context, std::move(work), at_most);
  }
  ending end(duration at_most = 1h) { return end_of_session(clock, context, session.fate, at_most); }
};

#define CHECK_TIME(actual, expected)       \
  do {                                     \
    CHECK((actual) >= (expected));         \
    CHECK((actual) <= (expected) + 200ms); \
  } while (false)

awaitable<> drip(scripted_peer& peer, std::string hex, duration pause) {
  for (const std::byte b : muxpro::testing::from_hex(hex)) {
    const auto [error, n] = co_await asio::async_write(peer.wire(), asio::buffer(&b, 1), as_result);
    if (error) co_return;
    co_await sleep_for(pause);
  }
}

// --- session_idle

awaitable<> keep_alives(scripted_session& s, int times, duration pause) {
  for (int i = 0; i < times; ++i) {
    co_await sleep_for(pause);
    co_await s.peer.send("0004 1234 04 00");
  }
}

awaitable<> quiet_stream(scripted_session& s, duration life) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await next_words(s.peer);
  co_await sleep_for(life);
  CHECK_FALSE(s.fate->has_value());
  stream.reset();
  co_await next_words(s.peer);
}

// --- KeepAlive

struct heartbeat {
  std::vector<duration> gaps;
  std::set<stream_id> ids;
};

awaitable<> listen(scripted_session& s, manual_clock& clock, heartbeat& out, std::size_t beats) {
  time_point last = clock.now();
  while (out.gaps.size() < beats) {
    const auto f = co_await s.peer.expect_frame();
    REQUIRE(std::holds_alternative<keep_alive>(f.header));
    out.gaps.push_back(clock.now() - last);
    out.ids.insert(std::get<keep_alive>(f.header).id);
    last = clock.now();
  }
}

awaitable<> beats_while_open(scripted_session& s, manual_clock& clock, heartbeat& out) {
  co_await s.agree();
  co_await s.peer.expect_silence(100s);
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await next_words(s.peer);
  co_await listen(s, clock, out, 25);
  stream.reset();
  co_await next_words(s.peer);
  co_await s.peer.expect_silence(100s);
}

awaitable<> no_beats(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(to_tcp());
  co_await next_words(s.peer);
  co_await s.peer.expect_silence(250s);
}

// --- progress

awaitable<> open_one(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
}

awaitable<> straddling_frames(scripted_session& s) {
  co_await open_one(s);
  byte_string frame = encoded(data_frame(1, 20), byte_string(20));
  const auto half = frame.begin() + 10;
  co_await s.peer.send_bytes(byte_string(frame.begin(), half));
  for (int i = 0; i < 20; ++i) {
    co_await sleep_for(10s);
    byte_string next(half, frame.end());
    next.insert(next.end(), frame.begin(), half);
    const auto [error, n] = co_await asio::async_write(s.peer.wire(), asio::buffer(next), as_result);
    if (error) co_return;
  }
}

awaitable<> slow_frame(scripted_session& s, std::size_t piece, duration pause) {
  co_await open_one(s);
  const byte_string frame = encoded(data_frame(1, 60'000), byte_string(60'000));
  for (std::size_t at = 0; at < frame.size();) {
    const std::size_t n = std::min(piece, frame.size() - at);
    const auto [error, m] =
        co_await asio::async_write(s.peer.wire(), asio::buffer(frame.data() + at, n), as_result);
    if (error) co_return;
    at += n;
    co_await sleep_for(pause);
  }
}

awaitable<> write_much(scripted_session& s, expected_completion& write, byte_string& data) {
  co_await s.agree();
  auto stream = std::make_shared<sub_stream>(co_await s.subject.async_open(to_tcp()));
  auto done = write.handler();
  asio::async_write(*stream, asio::buffer(data),
                    [stream, done](error_code error, std::size_t n) { done(error, n); });
}

awaitable<> read_slowly(scripted_session& s, std::size_t piece, duration pause) {
  while (!s.fate->has_value()) {
    byte_string some(piece);
    const auto [error, n] = co_await s.peer.wire().async_read_some(asio::buffer(some), as_result);
    if (error) co_return;
    co_await sleep_for(pause);
  }
}

}  // namespace

TEST_CASE("a negotiation has 10 s in all", "[session][liveness]") {
  for (const role side : {role::client, role::server}) {
    timed t(side);
    SECTION(side == role::client ? "client, silent peer" : "server, silent peer") {}
    SECTION(side == role::client ? "client, slow peer" : "server, slow peer") {
      spawn(t.context, drip(t.session.peer, "0005 0000 00 01 01 | 0004 00000001", 1s));
    }
    expected_completion open;
    t.session.subject.async_open(to_tcp(), open.handler());
    const ending e = t.end();
    CHECK(e.why == errc::negotiate_timeout);
    CHECK_TIME(e.after, 10s);
    settle(t.clock, t.context);
    if (side == role::client) CHECK(open.error() == errc::negotiate_timeout);
  }
}

TEST_CASE("negotiate_timeout is an option, and holds for a handshake alone", "[session][liveness]") {
  asio::io_context context;
  manual_clock clock(context);
  session_options o;
  o.negotiate_timeout = 250ms;
  auto [a, b] = make_pipe(context.get_executor());
  session s(std::move(a), role::server, o);
  expected_completion handshake;
  s.async_handshake(handshake.handler());
  clock.run_for(context, 249ms);
  CHECK_FALSE(handshake.done());
  clock.run_for(context, 1ms);
  CHECK(handshake.error() == errc::negotiate_timeout);
}

TEST_CASE("an unused session ends after session_idle", "[session][liveness]") {
  for (const role side : {role::client, role::server}) {
    timed t(side);
    t.run(t.session.agree());
    const ending e = t.end();
    CHECK(e.why == errc::idle_timeout);
    CHECK_TIME(e.after, 300s);
  }
}

TEST_CASE("KeepAlives of the peer hold an unused session for twelve periods", "[session][liveness]") {
  timed t(role::server);
  t.run(t.session.agree());
  SECTION("one is closed 300 s after the last") {
    t.run(keep_alives(t.session, 11, 299s));
    const ending e = t.end();
    CHECK(e.why == errc::idle_timeout);
    CHECK_TIME(e.after, 300s);
  }
  SECTION("one is closed in spite of them after an hour") {
    t.run(keep_alives(t.session, 359, 10s));
    const ending e = t.end();
    CHECK(e.why == errc::idle_timeout);
    CHECK_TIME(e.after, 10s);
  }
}

TEST_CASE("session_idle counts from the end of the last sub-stream", "[session][liveness]") {
  session_options o = quiet();
  o.stream_idle = 3600s;
  o.session_idle = 10s;
  timed t(role::client, o);
  t.run(quiet_stream(t.session, 60s));
  const ending e = t.end();
  CHECK(e.why == errc::idle_timeout);
  CHECK_TIME(e.after, 10s);
}

TEST_CASE("a KeepAlive every 30 s +-20 %, while sub-streams are open", "[session][liveness]") {
  session_options o;
  o.stream_idle = 24h;
  o.session_idle = 1h;
  timed t(role::client, o);
  heartbeat beat;
  t.run(beats_while_open(t.session, t.clock, beat));
  for (const duration gap : beat.gaps) {
    CHECK(gap >= 24s);
    CHECK(gap <= 36s);
  }
  const auto [least, most] = std::minmax_element(beat.gaps.begin(), beat.gaps.end());
  CHECK(*most - *least > 4s);
  CHECK(beat.ids.size() > 20);
}

TEST_CASE("an interval of 0 sends no KeepAlive", "[session][liveness]") {
  timed t(role::client, quiet());
  t.run(no_beats(t.session));
}

TEST_CASE("a frame that does not end within 30 s closes the session", "[session][liveness]") {
  timed t(role::server);
  t.run(open_one(t.session));
  t.run(t.session.peer.send("0004 00"));
  const ending e = t.end();
  CHECK(e.why == errc::stalled);
  CHECK_TIME(e.after, 30s);
}

TEST_CASE("a slow frame needs 4 KiB in each 30 s", "[session][liveness]") {
  session_options patient = quiet();
  patient.stream_idle = 1h;
  SECTION("enough") {
    timed t(role::server, patient);
    t.run(slow_frame(t.session, 4096, 29s));
    CHECK_FALSE(t.session.fate->has_value());
  }
  SECTION("too little") {
    timed t(role::server, patient);
    t.run(slow_frame(t.session, 1000, 10s));
    REQUIRE(t.session.fate->has_value());
    CHECK(t.session.fate->value() == errc::stalled);
  }
}

TEST_CASE("frames that end in time are no stall, wherever the wire cuts them", "[session][liveness]") {
  timed t(role::server, quiet());
  t.run(straddling_frames(t.session));
  CHECK_FALSE(t.session.fate->has_value());
}

TEST_CASE("a main connection that takes nothing for 30 s is closed", "[session][liveness]") {
  timed t(role::client, quiet(), 1000);
  expected_completion write;
  byte_string data(60'000);
  t.run(write_much(t.session, write, data));
  const ending e = t.end();
  CHECK(e.why == errc::stalled);
  CHECK_TIME(e.after, 30s);
  settle(t.clock, t.context);
  CHECK(write.error() == errc::stalled);
}

TEST_CASE("a main connection that takes less than 4 KiB in 30 s is stalled", "[session][liveness]") {
  for (const auto pause : {5s, 10s}) {
    timed t(role::client, quiet(), 1000);
    expected_completion write;
    byte_string data(60'000);
    t.run(write_much(t.session, write, data));
    spawn(t.context, read_slowly(t.session, 1000, pause));
    t.clock.run_for(t.context, 200s);
    CHECK(t.session.fate->has_value() == (pause == 10s));
    if (t.session.fate->has_value()) CHECK(**t.session.fate == errc::stalled);
  }
}
