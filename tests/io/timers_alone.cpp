// Each time limit of a session by itself: every other one is far away, so that no other timer can do its
// work.
#include "session_support.hpp"

#include <asio/this_coro.hpp>

#include <ostream>

namespace {

using namespace io_test;

constexpr duration limit_alone = 20s;

/// The limits of a session, all at `far` but the ones that a case sets.
session_options far_limits() {
  constexpr duration far = 20h;
  session_options o;
  for (duration session_options::*each :
       {&session_options::negotiate_timeout, &session_options::stream_idle,
        &session_options::half_close_linger, &session_options::credit_stall_timeout,
        &session_options::id_quarantine, &session_options::session_idle,
        &session_options::keep_alive_interval, &session_options::frame_read_timeout,
        &session_options::write_stall_timeout})
    o.*each = far;
  return o;
}

awaitable<time_point> now_here() {
  detail::context_timer timer(co_await asio::this_coro::executor);
  co_return timer.now();
}

/// The limit passes with nothing on the wire before it has.
awaitable<> limit_passes(scripted_session& s) {
  co_await s.peer.expect_silence(limit_alone - 1ms);
  CHECK_FALSE(s.fate->has_value());
  co_await sleep_for(1ms);
  co_await yield();
}

/// The next frame is here, and no time has to pass for it.
awaitable<> comes_now(scripted_session& s, std::string what) {
  const time_point before = co_await now_here();
  const std::string frame = co_await next_words(s.peer);
  CHECK(frame == what);
  const time_point after = co_await now_here();
  CHECK(after - before == 0s);
}

void ended_with(const scripted_session& s, error_code why) {
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == why);
}

/// Sub-stream 1, opened by whichever side is the client.
awaitable<sub_stream> first_stream(scripted_session& s) {
  if (s.side == role::client) {
    sub_stream stream = co_await s.subject.async_open(to_tcp());
    co_await next_words(s.peer);
    co_return stream;
  }
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  co_return stream;
}

/// Another one that this side aborts: its id has a deadline of its own.
awaitable<> abort_another(scripted_session& s) {
  sub_stream stream;
  if (s.side == role::client) {
    stream = co_await s.subject.async_open(to_tcp());
    co_await next_words(s.peer);
  } else {
    co_await s.peer.send(new_tcp(999));
    stream = co_await s.subject.async_accept();
  }
  stream.reset();
  co_await next_words(s.peer);
}

// --- the cases: what goes on until the limit runs out, and what must happen then

awaitable<> untouched(scripted_session& s, sub_stream&) {
  co_await limit_passes(s);
  co_await comes_now(s, "end 1 code 2");
}

awaitable<> ended_by_the_peer(scripted_session& s, sub_stream& stream) {
  co_await sleep_for(3s);
  co_await s.peer.send(end_of(1));
  co_await limit_passes(s);
  co_await comes_now(s, "end 1 code 2");
  const auto [error] = co_await stream.async_shutdown(as_result);
  CHECK(error == errc::stream_timeout);
}

awaitable<> ended_by_this_side(scripted_session& s, sub_stream& stream) {
  co_await sleep_for(3s);
  co_await stream.async_shutdown();
  co_await s.peer.expect(end_of(1));
  byte_string room(10);
  expected_completion read;
  stream.async_read_some(asio::buffer(room), read.handler());
  co_await limit_passes(s);
  CHECK(read.done());
  CHECK(read.error() == errc::stream_timeout);
}

awaitable<> without_any_credit(scripted_session& s, sub_stream& stream) {
  const auto data = std::make_shared<byte_string>(65536 + 1);
  expected_completion write;
  auto done = write.handler();
  asio::async_write(stream, asio::buffer(*data), [data, done](error_code e, std::size_t n) { done(e, n); });
  co_await s.peer.receive(65536 + 2 * 8);
  co_await limit_passes(s);
  co_await comes_now(s, "end 1 code 2");
  CHECK(write.error() == errc::stream_timeout);
  CHECK(stream.stats().credit_stalled == limit_alone);
  CHECK(s.subject.stats().credit_stalled == limit_alone);
}

awaitable<> a_frame_in_pieces(scripted_session& s, sub_stream&) {
  co_await sleep_for(3s);
  co_await s.peer.send("0004 00");
  co_await limit_passes(s);
  ended_with(s, errc::stalled);
}

/// The rest of a payload: what came of the frame is handed on, and it is still not whole.
awaitable<> a_payload_in_pieces(scripted_session& s, sub_stream&) {
  co_await sleep_for(3s);
  byte_string frame = encoded(data_frame(1, 20), byte_string(20));
  frame.resize(frame.size() - 1);
  co_await s.peer.send_bytes(frame);
  co_await limit_passes(s);
  ended_with(s, errc::stalled);
}

awaitable<> a_write_that_hangs(scripted_session& s, sub_stream& stream) {
  const auto data = std::make_shared<byte_string>(60'000);
  expected_completion write;
  auto done = write.handler();
  asio::async_write(stream, asio::buffer(*data), [data, done](error_code e, std::size_t n) { done(e, n); });
  co_await sleep_for(limit_alone - 1ms);
  CHECK_FALSE(s.fate->has_value());
  co_await sleep_for(1ms);
  co_await yield();
  ended_with(s, errc::stalled);
  CHECK(write.error() == errc::stalled);
}

awaitable<> the_last_one_goes(scripted_session& s, sub_stream& stream) {
  co_await sleep_for(3s);
  stream.reset();
  co_await next_words(s.peer);
  co_await limit_passes(s);
  ended_with(s, errc::idle_timeout);
}

/// An id that this side aborted is free again, though the peer never ended it.
awaitable<> an_aborted_id(scripted_session& s, sub_stream& stream) {
  stream.reset();
  co_await s.peer.expect(end_of(1, end_code::remote_disconnect));
  co_await limit_passes(s);
  co_await s.peer.send(new_tcp(1));
  co_await yield();
  CHECK_FALSE(s.fate->has_value());
  CHECK(s.subject.stats().streams == 1);
}

/// So is one that this side refused, for want of room.
awaitable<> a_refused_id(scripted_session& s, sub_stream&) {
  co_await s.peer.send(new_tcp(2));
  co_await comes_now(s, "end 2 code 4");
  co_await limit_passes(s);
  co_await s.peer.send(new_tcp(2));
  co_await comes_now(s, "end 2 code 4");
  CHECK_FALSE(s.fate->has_value());
}

awaitable<> keep_alives_come(scripted_session& s, sub_stream&) {
  for (int i = 0; i < 4; ++i) {
    const time_point before = co_await now_here();
    const std::string frame = co_await next_words(s.peer);
    CHECK(frame == "keep_alive");
    const time_point after = co_await now_here();
    CHECK(after - before >= limit_alone * 8 / 10);
    CHECK(after - before <= limit_alone * 12 / 10 + 1ms);
  }
}

struct limit_case {
  const char* name;
  std::vector<role> sides;
  duration session_options::*limit;
  awaitable<> (*play)(scripted_session&, sub_stream&);
  std::size_t capacity = 1 << 20;
  std::uint32_t max_streams = 512;
};

const std::vector<role> both_sides{role::client, role::server};

const limit_case cases[] = {
    {"stream_idle", both_sides, &session_options::stream_idle, untouched},
    {"half_close_linger, the peer's End", both_sides, &session_options::half_close_linger, ended_by_the_peer},
    {"half_close_linger, this side's End", both_sides, &session_options::half_close_linger,
     ended_by_this_side},
    {"credit_stall_timeout", both_sides, &session_options::credit_stall_timeout, without_any_credit},
    {"frame_read_timeout, a header", both_sides, &session_options::frame_read_timeout, a_frame_in_pieces},
    {"frame_read_timeout, a payload", both_sides, &session_options::frame_read_timeout, a_payload_in_pieces},
    {"write_stall_timeout", both_sides, &session_options::write_stall_timeout, a_write_that_hangs, 1000},
    {"session_idle", both_sides, &session_options::session_idle, the_last_one_goes},
    {"id_quarantine", {role::server}, &session_options::id_quarantine, an_aborted_id},
    {"id_quarantine, refused", {role::server}, &session_options::id_quarantine, a_refused_id, 1 << 20, 1},
    {"keep_alive_interval", both_sides, &session_options::keep_alive_interval, keep_alives_come},
};

/// `earlier`: another deadline comes first, so that the timer has to be set anew for the one of the case.
awaitable<> play_case(scripted_session& s, const limit_case& c, bool earlier) {
  co_await s.agree();
  sub_stream stream = co_await first_stream(s);
  if (earlier) co_await abort_another(s);
  co_await c.play(s, stream);
}

void run_case(const limit_case& c, role side, bool earlier) {
  session_options o = far_limits();
  o.max_window = 65536;
  o.max_streams = c.max_streams;
  if (earlier) o.id_quarantine = limit_alone / 2;
  o.*c.limit = limit_alone;
  with_script(
      side, [&](scripted_session& s) { return play_case(s, c, earlier); }, std::move(o), c.capacity, 1000h);
}

}  // namespace

TEST_CASE("each limit of a session holds by itself", "[session][liveness]") {
  for (const limit_case& c : cases)
    for (const role side : c.sides) {
      INFO(c.name << ", " << (side == role::client ? "client" : "server"));
      run_case(c, side, false);
    }
}

TEST_CASE("each limit of a session holds when another deadline has passed before it", "[session][liveness]") {
  for (const limit_case& c : cases)
    for (const role side : c.sides) {
      if (c.limit == &session_options::id_quarantine) continue;
      INFO(c.name << ", " << (side == role::client ? "client" : "server"));
      run_case(c, side, true);
    }
}

namespace {

awaitable<> never_used(scripted_session& s) {
  co_await s.agree();
  co_await limit_passes(s);
  ended_with(s, errc::idle_timeout);
}

awaitable<> never_agreed(scripted_session& s) {
  co_await sleep_for(limit_alone - 1ms);
  CHECK_FALSE(s.fate->has_value());
  co_await sleep_for(1ms);
  co_await yield();
  ended_with(s, errc::negotiate_timeout);
}

/// The peer's frame begins behind one that is whole.
awaitable<> begun_behind_another(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send("0004 1234 04 00 | 0004 00");
  co_await limit_passes(s);
  ended_with(s, errc::stalled);
}

}  // namespace

TEST_CASE("session_idle and negotiate_timeout hold by themselves", "[session][liveness]") {
  for (const role side : both_sides) {
    session_options o = far_limits();
    o.session_idle = limit_alone;
    with_script(side, never_used, o, 1 << 20, 1000h);
    o = far_limits();
    o.negotiate_timeout = limit_alone;
    with_script(side, never_agreed, o, 1 << 20, 1000h);
    o = far_limits();
    o.frame_read_timeout = limit_alone;
    with_script(side, begun_behind_another, o, 1 << 20, 1000h);
  }
}
