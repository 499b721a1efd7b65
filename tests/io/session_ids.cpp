// Ids over a long life: wrap-around, reuse, thousands at once; no byte ever lands in another sub-stream.
#include "session_support.hpp"

#include <bitset>
#include <cstring>
#include <random>

namespace {

using namespace io_test;

using tag_number = std::uint64_t;

/// Which ids are in use on one side, by the sub-streams that live there.
class id_book {
 public:
  void enter(stream_id id) {
    if (id == 0) ++wrong;
    if (used_.test(id)) ++wrong;
    used_.set(id);
    ++entered;
  }
  void leave(stream_id id) { used_.reset(id); }
  std::size_t wrong = 0, entered = 0;

 private:
  std::bitset<65536> used_;
};

struct long_life {
  long_life() = default;
  id_book ids;
  tag_number next = 0;
  tag_number last = 0;
  std::size_t crossed = 0, failed = 0, workers = 0;
};

open_request tagged(tag_number t) {
  open_request request = to_tcp();
  request.first_data.resize(sizeof t);
  std::memcpy(request.first_data.data(), &t, sizeof t);
  return request;
}

/// Sends the tag back. The tag selects the end, before or after the client's, or with a code.
awaitable<> answer_tag(sub_stream s, long_life& life) {
  tag_number t = 0;
  const auto [error, n] = co_await asio::async_read(s, asio::buffer(&t, sizeof t), as_result);
  if (error) co_return;
  if (t % 16 == 3) co_await s.async_shutdown(as_result);
  if (t % 16 == 5) {
    s.reset(end_code::unreachable);
    co_return;
  }
  co_await asio::async_write(s, asio::buffer(&t, sizeof t), as_result);
  co_await s.async_shutdown(as_result);
  const auto [end, more] = co_await s.async_read_some(asio::buffer(&t, sizeof t), as_result);
  if (!end) ++life.crossed;
}

awaitable<> one_tag(session& client, long_life& life, tag_number t) {
  auto opened = co_await client.async_open(tagged(t), as_result);
  auto& [refused, s] = opened;
  if (refused) {
    ++life.failed;
    co_return;
  }
  const stream_id id = s.id();
  life.ids.enter(id);
  tag_number got = 0;
  if (t % 16 == 7) s.reset();
  if (t % 16 == 9) co_await s.async_shutdown(as_result);
  if (t % 16 != 7) {
    const auto [error, n] = co_await asio::async_read(s, asio::buffer(&got, sizeof got), as_result);
    if (!error && got != t) ++life.crossed;
    const bool expected = t % 16 == 3   ? error == asio::error::eof
                          : t % 16 == 5 ? error == end_code::unreachable
                                        : !error;
    if (!expected) ++life.failed;
    co_await s.async_shutdown(as_result);
    const auto [end, more] = co_await s.async_read_some(asio::buffer(&got, sizeof got), as_result);
    if (!end) ++life.crossed;
  }
  life.ids.leave(id);
}

awaitable<> tag_after_tag(session& client, long_life& life) {
  while (life.next < life.last && life.failed == 0) co_await one_tag(client, life, life.next++);
  --life.workers;
}

/// Much churn from one client is what this is about.
session_options churning(std::uint32_t max_streams = 512) {
  session_options o;
  o.max_streams = max_streams;
  o.accept_backlog = max_streams;
  o.premature_end = {1'000'000, 1e6};
  return o;
}

void live_long(tag_number count, std::size_t at_once) {
  asio::io_context context;
  session_pair p(context, churning());
  auto life = std::make_unique<long_life>();
  life->last = count;
  stream_pair steady = run(context, open_pair(p));
  spawn(context, serve(p.server, [&life](sub_stream s) { return answer_tag(std::move(s), *life); }));
  life->workers = at_once;
  for (std::size_t i = 0; i < at_once; ++i) spawn(context, tag_after_tag(p.client, *life));
  test::run_until(
      context, [&] { return life->workers == 0; }, 120s);
  CHECK(life->next == count);
  CHECK(life->ids.entered == count);
  CHECK(life->ids.wrong == 0);
  CHECK(life->crossed == 0);
  CHECK(life->failed == 0);
  run(context, write_text(steady.client, "still here"));
  CHECK(run(context, read_text(steady.server, 10)) == "still here");
  run(context, yield());
  CHECK(p.client.stats().streams == 1);
  CHECK(p.server.stats().streams == 1);
  CHECK(p.client.stats().glitches == 0);
}

awaitable<> next_ids(session& client, std::vector<stream_id>& ids, int count) {
  for (int i = 0; i < count; ++i) {
    sub_stream s = co_await client.async_open(to_tcp());
    ids.push_back(s.id());
    co_await s.async_shutdown();
    co_await read_all(s);
  }
}

awaitable<> round_trips(session& client, std::uint32_t me, std::size_t& left, std::size_t& wrong) {
  sub_stream s = co_await client.async_open(to_tcp());
  std::array<std::uint32_t, 25> out, in;
  for (std::uint32_t round = 0; round < 3; ++round) {
    out.fill(me * 4 + round);
    co_await asio::async_write(s, asio::buffer(out), asio::use_awaitable);
    co_await asio::async_read(s, asio::buffer(in), asio::use_awaitable);
    if (in != out) ++wrong;
  }
  co_await s.async_shutdown();
  const read_result rest = co_await read_all(s);
  if (!rest.data.empty() || rest.error != asio::error::eof) ++wrong;
  --left;
}

}  // namespace

TEST_CASE("ids count up from 1", "[session][id]") {
  asio::io_context context;
  session_pair p(context);
  spawn(context, serve(p.server, discard));
  std::vector<stream_id> ids;
  run(context, next_ids(p.client, ids, 3));
  CHECK(ids == std::vector<stream_id>{1, 2, 3});
}

TEST_CASE("ids wrap around: 100,000 sub-streams over one session, one after the other",
          "[session][id][long]") {
  live_long(100'000, 1);
}

TEST_CASE("ids wrap around: 100,000 sub-streams over one session, 64 in flight", "[session][id][long]") {
  live_long(100'000, 64);
}

TEST_CASE("10,000 sub-streams at once", "[session][id][long]") {
  asio::io_context context;
  session_pair p(context, churning(10'000));
  spawn(context, serve(p.server, [](sub_stream s) { return echo(std::move(s), 128); }));
  std::size_t left = 10'000, wrong = 0;
  std::uint32_t most = 0;
  for (std::uint32_t i = 0; i < 10'000; ++i) spawn(context, round_trips(p.client, i, left, wrong));
  test::run_until(
      context,
      [&] {
        if (left % 500 == 0) most = std::max(most, p.server.stats().streams);
        return left == 0;
      },
      60s);
  CHECK(wrong == 0);
  CHECK(most == 10'000);
  run(context, yield());
  CHECK(p.server.stats().refused == 0);
  CHECK(p.server.stats().streams == 0);
}
