// What arrives for a sub-stream and goes on to a sink.
#include "flow_support.hpp"
#include "session_support.hpp"

#include <asio/bind_cancellation_slot.hpp>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

// Unread bytes are the only arrays that are asked for while it is set.
std::atomic<bool> arrays_fail = false;

struct no_arrays {
  no_arrays() { arrays_fail = true; }
  ~no_arrays() { arrays_fail = false; }
};

}  // namespace

void* operator new[](std::size_t n) {
  if (arrays_fail) throw std::bad_alloc();
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
  return arrays_fail ? nullptr : std::malloc(n);
}
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace io_test;
using access = muxpro::detail::relay_access<muxpro::sub_stream>;
using test::bounded_sink;

/// A sub-stream that the peer has opened.
struct opened_by_peer {
  awaitable<> from(scripted_session& s) {
    co_await s.agree();
    co_await s.peer.send(new_tcp(1));
    stream = co_await s.subject.async_accept();
  }
  void flow() { access::flow(stream, to, done.handler()); }
  std::size_t unread() const { return stream.stats().unread; }

  sub_stream stream;
  bounded_sink to;
  expected_completion done;
};

awaitable<> send(scripted_session& s, std::size_t size, std::size_t at = 0) {
  co_await s.peer.send(data_frame(1, size), pattern(size, at));
  co_await yield();
}

awaitable<> flows_and_is_granted(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  o.flow();
  co_await send(s, 20'000);
  co_await send(s, 20'000, 20'000);
  CHECK(o.to.got == pattern(40'000));
  CHECK_FALSE(o.done.done());
  CHECK(o.unread() == 0);
  const std::string credit = co_await next_words(s.peer);
  CHECK(credit == "credit 1 40000");
}

/// So many frames of so many bytes each.
byte_string frames_of(std::size_t size, std::size_t count, stream_id id = 1) {
  byte_string all;
  for (std::size_t i = 0; i < count; ++i) {
    const auto one = encoded(data_frame(id, size), pattern(size, i * size));
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}
byte_string with(byte_string all, const frame& f) {
  const auto last = encoded(f);
  all.insert(all.end(), last.begin(), last.end());
  return all;
}
awaitable<> send_together(scripted_session& s, byte_string all) {
  co_await s.peer.send_bytes(std::move(all));
  co_await yield();
}

awaitable<> is_gathered(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  o.flow();
  co_await send_together(s, frames_of(100, 3));
  CHECK(o.to.got == pattern(300));
  CHECK(o.to.times == 1);
  // More than an operation holds.
  o.to.got.clear();
  co_await send_together(s, frames_of(100, 7));
  CHECK(o.to.got == pattern(700));
  CHECK(o.to.times == 3);
  CHECK(o.unread() == 0);
}

awaitable<> is_full_after(scripted_session& s, std::size_t room) {
  opened_by_peer o;
  co_await o.from(s);
  o.to.room = room;
  o.flow();
  co_await send_together(s, frames_of(100, 7));
  CHECK(o.done.n() == room);
  CHECK(o.unread() == 700 - room);
  o.to.room = ~std::size_t{0};
  o.done = {};
  o.flow();
  co_await yield();
  CHECK_FALSE(o.done.done());
  CHECK(o.to.got == pattern(700));
}

awaitable<> ends_in_the_same_read(scripted_session& s, end_code code) {
  opened_by_peer o;
  co_await o.from(s);
  o.flow();
  co_await send_together(s, with(frames_of(100, 3), end_of(1, code)));
  CHECK(o.to.got == pattern(300));
  if (code == end_code::graceful)
    CHECK(o.done.error() == asio::error::eof);
  else
    CHECK(o.done.error() == code);
}

awaitable<> is_lost_in_the_same_read(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  o.flow();
  byte_string all = frames_of(100, 3);
  all.insert(all.end(), 4, std::byte{0xff});
  co_await send_together(s, std::move(all));
  CHECK(o.to.got == pattern(300));
  CHECK(o.done.error());
  CHECK(o.done.error() != asio::error::eof);
}

// The read loop stops between the second header and its payload: more is to come, so that no grant is due
// yet.
awaitable<> is_full_in_the_next_turn(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  o.to.room = 40'000;
  o.flow();
  byte_string all = frames_of(40'000, 1);
  const byte_string more = frames_of(100, 1);
  all.insert(all.end(), more.begin(), more.end());
  co_await send_together(s, std::move(all));
  CHECK((o.done.done() && o.done.n() == 40'000));
  CHECK(o.unread() == 100);
  const std::string credit = co_await next_words(s.peer);
  CHECK(credit == "credit 1 40000");
}

awaitable<> two_flow(scripted_session& s) {
  opened_by_peer a;
  co_await a.from(s);
  co_await s.peer.send(new_tcp(2));
  sub_stream second = co_await s.subject.async_accept();
  bounded_sink to;
  expected_completion done;
  a.flow();
  access::flow(second, to, done.handler());
  byte_string all = frames_of(100, 2);
  for (const byte_string& more : {frames_of(50, 2, 2), frames_of(100, 2), frames_of(50, 1, 2)})
    all.insert(all.end(), more.begin(), more.end());
  co_await send_together(s, std::move(all));
  CHECK(a.to.got.size() == 400);
  CHECK(a.to.times == 1);
  CHECK(to.got.size() == 150);
  CHECK(to.times == 1);
}

awaitable<> has_no_memory(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  o.to.room = 150;
  o.flow();
  {
    const no_arrays now;
    co_await send_together(s, frames_of(100, 3));
  }
  CHECK(o.done.done());
  CHECK(o.to.got == pattern(150));
  const std::string said = co_await next_words(s.peer);
  CHECK(said == "end 1 code 4");
}

awaitable<> is_full(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  o.to.room = 1'000;
  o.flow();
  co_await send(s, 40'000);
  CHECK(o.done.n() == 1'000);
  CHECK(o.unread() == 39'000);
  // Nothing is granted for what waits, and what comes now waits behind it.
  co_await send(s, 10, 40'000);
  o.to.room = 20'000;
  expected_completion again;
  access::flow(o.stream, o.to, again.handler());
  co_await yield();
  CHECK(again.n() == 20'000);
  o.to.room = ~std::size_t{0};
  o.done = {};
  o.flow();
  co_await yield();
  CHECK_FALSE(o.done.done());
  CHECK(o.to.got == pattern(40'010));
  CHECK(o.unread() == 0);
  const std::string credit = co_await next_words(s.peer);
  CHECK(credit == "credit 1 40010");
}

/// Of 300 bytes in so many frames.
awaitable<> ends_behind_the_last_byte(scripted_session& s, std::size_t frames) {
  opened_by_peer o;
  co_await o.from(s);
  o.to.room = 100;
  o.flow();
  co_await send_together(s, with(frames_of(300 / frames, frames), end_of(1)));
  CHECK((o.done.done() && !o.done.error() && o.done.n() == 100));
  o.to.room = 200;
  o.done = {};
  o.flow();
  co_await yield();
  CHECK(o.done.error() == asio::error::eof);
  CHECK(o.to.got == pattern(300));
}

awaitable<> is_aborted(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  o.flow();
  co_await s.peer.send(end_of(1, end_code::unreachable));
  co_await yield();
  CHECK(o.done.error() == end_code::unreachable);
}

awaitable<> is_cancelled(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  asio::cancellation_signal stop;
  access::flow(o.stream, o.to, asio::bind_cancellation_slot(stop.slot(), o.done.handler()));
  co_await send(s, 10);
  stop.emit(asio::cancellation_type::total);
  co_await yield();
  CHECK(o.done.error() == asio::error::operation_aborted);
  co_await send(s, 10, 10);
  CHECK(o.to.got == pattern(10));
  byte_string rest(100);
  const std::size_t n = co_await o.stream.async_read_some(asio::buffer(rest), asio::use_awaitable);
  rest.resize(n);
  CHECK(rest == pattern(10, 10));
}

awaitable<> is_one_read(scripted_session& s) {
  opened_by_peer o;
  co_await o.from(s);
  o.flow();
  expected_completion second;
  access::flow(o.stream, o.to, second.handler());
  byte_string into(10);
  expected_completion third;
  o.stream.async_read_some(asio::buffer(into), third.handler());
  co_await yield();
  CHECK(second.error() == errc::operation_in_progress);
  CHECK(third.error() == errc::operation_in_progress);
  o.stream.close();
  co_await yield();
  CHECK(o.done.error() == asio::error::operation_aborted);
}

awaitable<> is_tcp(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_udp(1));
  sub_stream stream = co_await s.subject.async_accept();
  bounded_sink to;
  expected_completion done;
  access::flow(stream, to, done.handler());
  co_await yield();
  CHECK(done.error() == errc::wrong_network);
}

}  // namespace

TEST_CASE("what flows to a sink is in no buffer, and granted as it goes", "[session][flow]") {
  with_script(role::server, flows_and_is_granted);
}

TEST_CASE("what a full sink leaves waits, and is not granted", "[session][flow]") {
  with_script(role::server, is_full);
}

TEST_CASE("pieces that were read together go to a sink together", "[session][flow]") {
  with_script(role::server, is_gathered);
}

TEST_CASE("a sink may be full within any of the pieces", "[session][flow]") {
  const auto room = GENERATE(as<std::size_t>{}, 0, 1, 99, 100, 101, 399, 400, 401, 699);
  CAPTURE(room);
  with_script(role::server, [room](scripted_session& s) { return is_full_after(s, room); });
}

TEST_CASE("what was read together with an end goes to the sink first", "[session][flow]") {
  const auto code = GENERATE(end_code::graceful, end_code::unreachable);
  with_script(role::server, [code](scripted_session& s) { return ends_in_the_same_read(s, code); });
  with_script(role::server, is_lost_in_the_same_read);
}

TEST_CASE("a grant that was put off comes though the sink takes nothing more", "[session][flow]") {
  session_options one_frame_a_turn;
  one_frame_a_turn.read_budget_frames = 1;
  with_script(role::server, is_full_in_the_next_turn, one_frame_a_turn);
}

TEST_CASE("sinks of two sub-streams get their pieces of one read", "[session][flow]") {
  with_script(role::server, two_flow);
}

TEST_CASE("without memory for what a sink has left its sub-stream ends", "[session][flow]") {
  with_script(role::server, has_no_memory);
}

TEST_CASE("the end of a sub-stream comes behind what a full sink has left", "[session][flow]") {
  const auto frames = GENERATE(as<std::size_t>{}, 1, 3, 6);
  with_script(role::server, [frames](scripted_session& s) { return ends_behind_the_last_byte(s, frames); });
}

TEST_CASE("an abort ends a flow with its code", "[session][flow]") { with_script(role::server, is_aborted); }

TEST_CASE("a flow that is cancelled leaves what comes next to the next read", "[session][flow]") {
  with_script(role::server, is_cancelled);
}

TEST_CASE("a flow is the one read of its sub-stream", "[session][flow]") {
  with_script(role::server, is_one_read);
}

TEST_CASE("datagrams do not flow", "[session][flow]") { with_script(role::server, is_tcp); }

TEST_CASE("a context may be destroyed while a sub-stream flows", "[session][flow]") {
  bounded_sink to;
  expected_completion done;
  auto context = std::make_unique<asio::io_context>();
  {
    session_pair sessions(*context);
    auto streams = test::run(*context, open_pair(sessions));
    access::flow(streams.server, to, done.handler());
    context.reset();
  }
  CHECK_FALSE(done.done());
}
