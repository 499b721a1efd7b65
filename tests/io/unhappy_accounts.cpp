// What is counted when things go wrong: credit of datagrams that are lost, budgets of the peer's frames, the
// time of writes that fail, turns of the read loop.
#include "datagram_support.hpp"
#include "pool_support.hpp"

namespace {

using namespace io_test;

// --- credit

awaitable<> credit_of_lost_datagrams(scripted_session& s) {
  sub_datagram d = co_await accepted(s);
  const byte_string data(10'000);
  for (int i = 0; i < 2; ++i) co_await s.peer.send(data_frame(1, data.size()), data);
  co_await s.peer.expect_silence(1s);
  for (int i = 0; i < 20; ++i) {
    co_await s.peer.send(data_frame(1, data.size()), data);
    const std::string credit = co_await next_words(s.peer);
    REQUIRE(credit == "credit 1 10000");
  }
  CHECK(d.stats().datagrams_dropped_in == 20);
  CHECK(d.stats().unread == 20'000);
  for (int i = 0; i < 2; ++i) {
    const received got = co_await receive(d);
    CHECK(got.text.size() == data.size());
    const std::string credit = co_await next_words(s.peer);
    CHECK(credit == "credit 1 10000");
  }
}

/// Datagrams with a prefix that is none.
awaitable<> credit_of_bad_datagrams(scripted_session& s) {
  sub_datagram d = co_await accepted(s);
  const byte_string data(10'000, std::byte{0xee});
  for (int i = 0; i < 20; ++i) {
    co_await s.peer.send(keep{1, static_cast<std::uint16_t>(data.size()), true}, data);
    const std::string credit = co_await next_words(s.peer);
    REQUIRE(credit == "credit 1 10000");
  }
  CHECK(d.stats().datagrams_dropped_in == 20);
  CHECK(s.subject.stats().unread == 0);
}

constexpr std::uint32_t updates_allowed = 5;

awaitable<> updates_for_datagrams(scripted_session& s) {
  co_await s.agree();
  sub_datagram d(co_await s.subject.async_open(to_udp()));
  co_await s.peer.expect(new_udp_hex);
  for (int i = 0; i < 3; ++i) {
    co_await send(d, "data");
    co_await next_words(s.peer);
  }
  for (std::uint32_t i = 0; i < updates_allowed + 3 * 10; ++i) co_await s.peer.send(credit_for(1, 1));
  co_await yield();
  REQUIRE_FALSE(s.fate->has_value());
  co_await s.peer.send(credit_for(1, 1));
  co_await yield();
  REQUIRE(s.fate->has_value());
  CHECK(s.fate->value() == errc::too_many_credit_updates);
}

awaitable<> updates_for_first_data(scripted_session& s) {
  co_await s.agree();
  sub_stream stream = co_await s.subject.async_open(with_data("first"));
  co_await next_words(s.peer);
  for (std::uint32_t i = 0; i < updates_allowed + 10; ++i) co_await s.peer.send(credit_for(1, 1));
  co_await yield();
  REQUIRE_FALSE(s.fate->has_value());
  co_await s.peer.send(credit_for(1, 1));
  co_await yield();
  CHECK(s.fate->has_value());
}

// --- writes that fail while they wait for credit

struct stalled_write {
  stalled_write() = default;
  byte_string data = byte_string(65536 + 10);
  sub_stream stream;
  expected_completion write;
};

awaitable<> stall(scripted_session& s, stalled_write& w) {
  w.stream = co_await opened(s);
  asio::async_write(w.stream, asio::buffer(w.data), w.write.handler());
  co_await s.peer.receive(65536 + 2 * 8);
  co_await sleep_for(7s);
  CHECK(w.stream.stats().credit_stalls == 1);
  CHECK(w.stream.stats().credit_stalled == 0s);
}

void waited_seven_seconds(scripted_session& s, const stalled_write& w) {
  CHECK(w.write.done());
  CHECK(w.stream.stats().credit_stalled == 7s);
  CHECK(s.subject.stats().credit_stalled == 7s);
}

awaitable<> peer_aborts_a_stalled_write(scripted_session& s) {
  stalled_write w;
  co_await stall(s, w);
  co_await s.peer.send(end_of(1, end_code::unreachable));
  co_await yield();
  CHECK(w.write.error() == end_code::unreachable);
  waited_seven_seconds(s, w);
}

awaitable<> this_side_resets_a_stalled_write(scripted_session& s) {
  stalled_write w;
  co_await stall(s, w);
  w.stream.reset();
  co_await yield();
  CHECK(w.write.error() == errc::stream_reset);
  waited_seven_seconds(s, w);
}

awaitable<> session_closes_during_a_stalled_write(scripted_session& s) {
  stalled_write w;
  co_await stall(s, w);
  s.subject.close();
  co_await yield();
  CHECK(w.write.error() == errc::session_closed);
  waited_seven_seconds(s, w);
}

}  // namespace

TEST_CASE("a datagram that is dropped gives its credit back", "[sub_datagram]") {
  session_options o = quiet();
  o.datagram_queue = 2;
  with_script(role::server, credit_of_lost_datagrams, o);
  with_script(role::server, credit_of_bad_datagrams, o);
}

TEST_CASE("each data frame that is sent allows ten CreditUpdates, datagrams and first data as well",
          "[sub_datagram]") {
  session_options o = quiet();
  o.credit_update_budget = updates_allowed;
  with_script(role::client, updates_for_datagrams, o);
  with_script(role::client, updates_for_first_data, o);
}

TEST_CASE("the wait of a write that fails is counted", "[session][stats]") {
  with_script(role::client, peer_aborts_a_stalled_write, quiet());
  with_script(role::client, this_side_resets_a_stalled_write, quiet());
  with_script(role::client, session_closes_during_a_stalled_write, quiet());
}

namespace {

/// How much `seen` grows in each turn of the read loop while `frames` KeepAlives come at once.
std::vector<std::uint64_t> turns(session_options o, std::size_t frames) {
  o.keep_alive_budget.burst = 1'000'000;
  asio::io_context context;
  manual_clock clock(context);
  scripted_session s(context, role::server, std::move(o));
  run(clock, context, s.agree());
  byte_string all;
  for (std::size_t i = 0; i < frames; ++i) {
    const byte_string one = encoded(keep_alive{static_cast<stream_id>(i)});
    all.insert(all.end(), one.begin(), one.end());
  }
  spawn(context, s.peer.send_bytes(all));
  std::vector<std::uint64_t> out;
  std::uint64_t before = 0;
  context.restart();
  while (context.poll_one() != 0) {
    const auto now = s.subject.stats().received[static_cast<std::size_t>(frame_type::keep_alive)].frames;
    if (now > before) out.push_back(now - std::exchange(before, now));
  }
  return out;
}

using turn_sizes = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a turn of the read loop handles read_budget_frames frames", "[session]") {
  session_options o = quiet();
  for (const std::uint32_t budget : {1u, 3u, 8u}) {
    o.read_budget_frames = budget;
    CHECK(turns(o, 2 * budget + 1) == turn_sizes{budget, budget, 1});
  }
}

TEST_CASE("a turn of the read loop ends with the frame that uses up read_budget_bytes", "[session]") {
  session_options o = quiet();
  o.read_budget_frames = 1 << 20;
  o.read_budget_bytes = 1200;  // 200 KeepAlives of 6 bytes
  CHECK(turns(o, 500) == turn_sizes{200, 200, 100});
  o.read_budget_bytes = 1201;
  CHECK(turns(o, 500) == turn_sizes{201, 201, 98});
}

namespace {

/// Answers what comes, then ends with code 4.
awaitable<> answer_and_refuse(sub_stream s) {
  const std::string text = co_await read_text(s, 4);
  co_await write_text(s, text);
  s.reset(end_code::resources);
}

}  // namespace

TEST_CASE("code 4 after data is no refusal of a pool's connection", "[client_pool]") {
  farm f(pool_options(8), [](sub_stream s) { return answer_and_refuse(std::move(s)); });
  for (int i = 0; i < 6; ++i) {
    outcome& o = f.open();
    f.settle();
    REQUIRE(o.is(no_error));
    REQUIRE(f.echoes(o.stream));
    CHECK(f.end_of(o.stream) == end_code::resources);
    o.stream = sub_stream();
    f.settle();
  }
  CHECK(f.dials == 1);
  CHECK(f.pool.stats().retired == 0);
}
