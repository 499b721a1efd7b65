// Auto-tuning of windows: which stream gets a larger one, what limits it, what it is worth.
#include "session_support.hpp"

namespace {

using namespace io_test;

using delayed_pipe = faulty_stream<pipe_end>;

constexpr auto one_way = 20ms;

/// Any amount of bytes in each direction, but a read takes one_way at least.
session_pair distant_pair(asio::io_context& context, session_options o) {
  o.read_buffer = 8 << 20;
  fault_options slow;
  slow.read.delay = one_way;
  auto [a, b] = make_pipe(context.get_executor(), 64 << 20);
  return session_pair(session(delayed_pipe(std::move(a), slow), role::client, o),
                      session(delayed_pipe(std::move(b), slow), role::server, o));
}

struct transfer {
  transfer() = default;
  stream_pair ends;
  std::uint64_t most_credit = 0;
  std::uint32_t largest_window = 0;
  bool done = false;
};

awaitable<> write_all(transfer& t, std::size_t total) {
  const byte_string data(total);
  co_await asio::async_write(t.ends.client, asio::buffer(data), as_result);
  co_await t.ends.client.async_shutdown(as_result);
}

awaitable<> read_all(transfer& t, std::size_t at_once, duration pause) {
  byte_string buffer(at_once);
  for (;;) {
    const auto [error, n] = co_await t.ends.server.async_read_some(asio::buffer(buffer), as_result);
    if (error) break;
    t.most_credit = std::max(t.most_credit, t.ends.client.stats().send_credit);
    t.largest_window = std::max(t.largest_window, t.ends.server.stats().receive_window);
    if (pause > 0s) co_await sleep_for(pause);
  }
  t.done = true;
}

awaitable<> begin_transfer(session_pair& p, transfer& t, std::size_t total, std::size_t at_once = 256 * 1024,
                           duration pause = 0s) {
  t.ends = co_await open_pair(p);
  spawn(p.client.get_executor(), write_all(t, total));
  spawn(p.client.get_executor(), read_all(t, at_once, pause));
}

awaitable<> open_idle(session_pair& p, std::vector<stream_pair>& all, std::size_t count) {
  while (all.size() < count) all.push_back(co_await open_pair(p));
}

awaitable<> until_done(std::vector<transfer>& all) {
  for (transfer& t : all) {
    while (!t.done) co_await sleep_for(1ms);
  }
}

duration time_for(session_options options, std::size_t total, transfer& t) {
  asio::io_context context;
  manual_clock clock(context);
  session_pair p = distant_pair(context, std::move(options));
  run(clock, context, begin_transfer(p, t, total));
  const time_point begin = clock.now();
  while (!t.done && clock.now() < begin + 1min) clock.run_for(context, 1ms);
  CHECK(t.done);
  return clock.now() - begin;
}

session_options window_up_to(std::uint32_t n) {
  session_options o;
  o.max_window = n;
  return o;
}

std::uint64_t beyond_the_first(const std::vector<transfer>& all) {
  std::uint64_t sum = 0;
  for (const transfer& t : all) sum += t.ends.server.stats().receive_window - 65536;
  return sum;
}

/// Bulk over `count` sub-streams; returns the most that was promised beyond the first windows at any time.
std::uint64_t most_promised(session_options options, std::size_t count) {
  asio::io_context context;
  manual_clock clock(context);
  session_pair p = distant_pair(context, std::move(options));
  std::vector<transfer> all(count);
  for (transfer& t : all) run(clock, context, begin_transfer(p, t, 4'000'000));
  std::uint64_t most = 0;
  const auto open = [&] { return std::any_of(all.begin(), all.end(), [](auto& t) { return !t.done; }); };
  for (int i = 0; open() && i < 60'000; ++i) {
    clock.run_for(context, 1ms);
    most = std::max(most, beyond_the_first(all));
  }
  CHECK_FALSE(open());
  return most;
}

awaitable<> read_exactly(sub_stream& s, std::size_t n) {
  byte_string room(n);
  co_await asio::async_read(s, asio::buffer(room), asio::use_awaitable);
}

// The peer has used what it was granted first and not what came since: that makes the window larger and at
// once leaves more than half of it to be granted. A reader that then pauses must not hold the grant back.
awaitable<> grow_while_a_grant_is_under_way(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  for (int i = 0; i < 2; ++i) co_await s.peer.send(data_frame(1, 32'768), pattern(32'768));
  sub_stream stream = co_await s.subject.async_accept();
  co_await yield();
  co_await read_exactly(stream, 33'000);
  const std::string first = co_await next_words(s.peer);
  CHECK(first == "credit 1 33000");
  co_await read_exactly(stream, 65'536 - 33'000);
  const std::string second = co_await next_words(s.peer);
  CHECK(second == "credit 1 98072");
  CHECK(stream.stats().receive_window == 131'072);
}

awaitable<> write_some(sub_stream& s, std::size_t n) {
  const byte_string data(n);
  co_await asio::async_write(s, asio::buffer(data), asio::use_awaitable);
}

awaitable<> pause_after_bulk(session_pair& p, const buffer_budget& budget) {
  stream_pair ends = co_await open_pair(p);
  const auto window = [&ends] { return ends.server.stats().receive_window; };
  spawn(p.client.get_executor(), write_some(ends.client, 4'000'000));
  co_await read_exactly(ends.server, 4'000'000);
  CHECK(window() == 512 * 1024);
  CHECK(budget.used() == window() - 65'536);
  for (int i = 0; i < 2; ++i) {
    co_await sleep_for(11s);
    spawn(p.client.get_executor(), write_some(ends.client, 200'000));
    co_await read_exactly(ends.server, 200'000);
  }
  co_await sleep_for(1s);
  CHECK(window() >= 256 * 1024);
  CHECK(window() < 512 * 1024);
  CHECK(budget.used() == window() - 65'536);
}

/// Uses all credit, again and again, each time `pause` after the grant that it needed.
awaitable<> use_credit(scripted_session& s, sub_stream& stream, int times, duration pause,
                       std::size_t& credit) {
  for (; times > 0; --times) {
    co_await sleep_for(pause);
    for (std::size_t left = credit; left > 0;) {
      const std::size_t n = std::min<std::size_t>(left, 60'000);
      co_await s.peer.send(data_frame(1, n), byte_string(n));
      left -= n;
    }
    co_await read_exactly(stream, std::exchange(credit, 0));
    // What is left is not worth a grant yet.
    while (credit <= stream.stats().receive_window - stream.stats().receive_window / 4) {
      const std::string words = co_await next_words(s.peer);
      if (words.starts_with("credit")) credit += std::stoul(words.substr(words.rfind(' ')));
    }
  }
}

awaitable<> wait_in_a_queue(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  std::size_t credit = 65'536;
  const auto window = [&stream] { return stream.stats().receive_window / 1024; };
  co_await use_credit(s, stream, 4, 10ms, credit);
  CHECK(window() == 768);
  co_await use_credit(s, stream, 2, 50ms, credit);
  const auto then = window();
  co_await use_credit(s, stream, 3, 50ms, credit);
  CHECK(window() == then);
  co_await use_credit(s, stream, 2, 10ms, credit);
  CHECK(window() > then);
}

// The longer the bulk lasts, the more its own queue looks like the way.
awaitable<> wait_in_a_queue_for_long(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  std::size_t credit = 65'536;
  co_await use_credit(s, stream, 4, 10ms, credit);
  co_await use_credit(s, stream, 2, 50ms, credit);
  const auto then = stream.stats().receive_window;
  co_await use_credit(s, stream, 1'000, 50ms, credit);
  CHECK(stream.stats().receive_window == then);
  CHECK(s.subject.stats().round_trip == 10ms);
}

}  // namespace

TEST_CASE("a window that lasts for ten seconds loses up to a half, which its budget gets back",
          "[session][window]") {
  session_options o;
  o.max_window = 512 * 1024;
  o.process_budget = std::make_shared<buffer_budget>(64 << 20);
  asio::io_context context;
  manual_clock clock(context);
  session_pair p = distant_pair(context, o);
  run(clock, context, pause_after_bulk(p, *o.process_budget));
}

TEST_CASE("bytes that wait on their way do not enlarge a window beyond 768 KiB", "[session][window]") {
  with_script(role::server, wait_in_a_queue);
}

TEST_CASE("a queue that lasts for almost a minute is not taken for the way", "[session][window]") {
  with_script(role::server, wait_in_a_queue_for_long);
}

TEST_CASE("a window that grows is granted at once", "[session][window]") {
  with_script(role::server, grow_while_a_grant_is_under_way);
}

TEST_CASE("bulk enlarges the window up to max_window", "[session][window]") {
  transfer t;
  time_for(window_up_to(1 << 20), 16'000'000, t);
  CHECK(t.largest_window == 1 << 20);
  CHECK(t.most_credit <= 1 << 20);
  CHECK(t.most_credit > 512 * 1024);
}

TEST_CASE("a window of 65536 stays as it is", "[session][window]") {
  transfer t;
  time_for(window_up_to(65536), 1'000'000, t);
  CHECK(t.largest_window == 65536);
  CHECK(t.most_credit <= 65536);
}

TEST_CASE("a large window pays over a long way", "[session][window]") {
  transfer fixed, tuned;
  const duration slow = time_for(window_up_to(65536), 8'000'000, fixed);
  const duration fast = time_for({}, 8'000'000, tuned);
  CHECK(slow > 100 * one_way);
  CHECK(fast < slow / 5);
}

TEST_CASE("a slow reader keeps its small window", "[session][window]") {
  asio::io_context context;
  manual_clock clock(context);
  session_pair p = distant_pair(context, {});
  std::vector<transfer> all(1);
  run(clock, context, begin_transfer(p, all[0], 2'000'000, 4096, 10ms));
  run(clock, context, until_done(all));
  CHECK(all[0].largest_window == 65536);
}

TEST_CASE("the session's budget limits all its windows together", "[session][window]") {
  session_options o;
  o.session_window_budget = 1 << 20;
  const std::uint64_t most = most_promised(o, 8);
  CHECK(most <= 1 << 20);
  CHECK(most > 512 * 1024);
}

TEST_CASE("windows of sub-streams that are gone may be given to others", "[session][window]") {
  session_options o;
  o.session_window_budget = 1 << 19;
  asio::io_context context;
  manual_clock clock(context);
  session_pair p = distant_pair(context, o);
  for (int i = 0; i < 3; ++i) {
    std::vector<transfer> one(1);
    run(clock, context, begin_transfer(p, one[0], 8'000'000));
    run(clock, context, until_done(one));
    CHECK(one[0].largest_window == (1 << 19) + 65'536);
  }
}

TEST_CASE("the process's budget limits windows, and gets everything back", "[session][window]") {
  session_options o;
  o.process_budget = std::make_shared<buffer_budget>(2 << 20);
  const std::uint64_t most = most_promised(o, 4);
  CHECK(most <= 1 << 20);
  CHECK(most > 256 * 1024);
  CHECK(o.process_budget->used() == 0);
}

TEST_CASE("1,000 idle sub-streams use none of the process's budget", "[session][window]") {
  session_options o;
  o.process_budget = std::make_shared<buffer_budget>(4 << 20);
  o.max_streams = 1001;
  asio::io_context context;
  manual_clock clock(context);
  session_pair p = distant_pair(context, o);
  std::vector<stream_pair> idle;
  run(clock, context, open_idle(p, idle, 1000));
  CHECK(o.process_budget->used() == 0);
  std::vector<transfer> busy(1);
  run(clock, context, begin_transfer(p, busy[0], 2'000'000));
  run(clock, context, until_done(busy));
  CHECK(busy[0].largest_window > 65'536);
}

TEST_CASE("a long way's window leaves the session's other sub-streams as much as it takes",
          "[session][window]") {
  session_options o;
  o.session_window_budget = 4 << 20;
  asio::io_context context;
  manual_clock clock(context);
  session_pair p = distant_pair(context, o);
  std::vector<transfer> all(2);
  run(clock, context, begin_transfer(p, all[0], 60'000'000));
  clock.run_for(context, 1s);
  CHECK(all[0].largest_window == (2 << 20) + 65'536);
  CHECK_FALSE(all[0].done);
  run(clock, context, begin_transfer(p, all[1], 8'000'000));
  run(clock, context, until_done(all));
  CHECK(all[1].largest_window >= 768 * 1024);
}

TEST_CASE("windows of long ways take a quarter of the process's budget, so that others can grow",
          "[session][window]") {
  session_options o;
  o.process_budget = std::make_shared<buffer_budget>(8 << 20);
  asio::io_context context;
  manual_clock clock(context);
  session_pair greedy = distant_pair(context, o), other = distant_pair(context, o);
  std::vector<transfer> first(1), second(1);
  run(clock, context, begin_transfer(greedy, first[0], 60'000'000));
  clock.run_for(context, 1s);
  CHECK_FALSE(first[0].done);
  CHECK(first[0].largest_window > 1 << 20);
  CHECK(first[0].largest_window <= (2 << 20) + 65'536);
  run(clock, context, begin_transfer(other, second[0], 8'000'000));
  run(clock, context, until_done(second));
  CHECK(second[0].largest_window == 768 * 1024);
}
