// Writes in many pieces and behind a stall that is over; turns of the read loop that end early; timers that
// are left.
#include "datagram_support.hpp"

#include <fmt/format.h>

#include <array>

namespace {

using namespace io_test;

// --- writes

/// Five sub-streams write 8000 bytes each in 16 buffers, which all are small enough to be copied.
constexpr std::size_t writers = 5, pieces = 16, piece_size = 500, copied_size = pieces * piece_size;

struct small_pieces {
  explicit small_pieces(std::uint64_t from) : data(pattern(copied_size, from)) {}
  auto buffers() const {
    std::array<asio::const_buffer, pieces> all;
    for (std::size_t i = 0; i < pieces; ++i) all[i] = asio::buffer(data.data() + i * piece_size, piece_size);
    return all;
  }
  byte_string data;
  sub_stream stream;
};

awaitable<> many_small_buffers(scripted_session& s) {
  co_await s.agree();
  std::vector<small_pieces> all;
  for (std::size_t i = 0; i < writers; ++i) {
    all.emplace_back(i);
    all.back().stream = co_await s.subject.async_open(to_tcp());
    co_await next_words(s.peer);
  }
  expected_completion done[writers];
  for (std::size_t i = 0; i < writers; ++i)
    asio::async_write(all[i].stream, all[i].buffers(), done[i].handler());
  std::vector<byte_string> got(writers + 1);
  for (std::size_t n = 0; n < writers * copied_size;) {
    const auto f = co_await s.peer.expect_frame();
    byte_string& of_stream = got.at(std::get<keep>(f.header).id);
    of_stream.insert(of_stream.end(), f.payload.begin(), f.payload.end());
    n += f.payload.size();
  }
  for (std::size_t i = 0; i < writers; ++i) CHECK(got[i + 1] == all[i].data);
}

/// Eight sub-streams with 16 KiB each in a gather that holds a quarter of that.
awaitable<> frames_of_a_quantum(scripted_session& s) {
  co_await s.agree();
  const byte_string data(16 * 1024);
  std::vector<sub_stream> streams(8);
  std::vector<expected_completion> done(streams.size());
  for (sub_stream& stream : streams) {
    stream = co_await s.subject.async_open(to_tcp());
    co_await next_words(s.peer);
  }
  for (std::size_t i = 0; i < streams.size(); ++i)
    asio::async_write(streams[i], asio::buffer(data), done[i].handler());
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const std::string frame = co_await next_words(s.peer);
    CHECK(frame == fmt::format("keep {} +16384", i + 1));
  }
}

/// A write that its credit covers ends the stall before it: the next stall has the whole limit.
awaitable<> a_covered_write_ends_a_stall(scripted_session& s) {
  sub_stream stream = co_await opened(s);
  const byte_string data(65536 + 100);
  expected_completion stalled, covered, last;
  asio::async_write(stream, asio::buffer(data), stalled.handler());
  co_await s.peer.receive(65536 + 2 * 8);
  co_await sleep_for(50s);
  co_await s.peer.send(credit_for(1, 1100));
  const std::string rest = co_await next_words(s.peer);
  CHECK(rest == "keep 1 +100");
  co_await yield();
  REQUIRE(stalled.done());
  asio::async_write(stream, asio::buffer(data.data(), 1000), covered.handler());
  const std::string whole = co_await next_words(s.peer);
  CHECK(whole == "keep 1 +1000");
  co_await yield();
  REQUIRE(covered.done());
  asio::async_write(stream, asio::buffer(data.data(), 1000), last.handler());
  co_await s.peer.expect_silence(59s);
  CHECK_FALSE(last.done());
  co_await sleep_for(1s);
  const std::string ended = co_await next_words(s.peer);
  CHECK(ended == "end 1 code 2");
}

/// The largest datagram with a prefix that fills the frame, and one byte more.
awaitable<> largest_addressed_datagram(scripted_session& s) {
  co_await s.agree();
  sub_datagram d(co_await s.subject.async_open(to_udp()));
  co_await s.peer.expect(new_udp_hex);
  const byte_string data(max_datagram);
  const std::size_t longest_name = max_extra_data - max_datagram - 5;
  for (const std::size_t size : {longest_name, longest_name + 1}) {
    const host_port to{address(std::string(size, 'a')), 53};
    const auto [error, n] = co_await d.async_send_to(asio::buffer(data), to, as_result);
    CHECK((error == errc::datagram_too_large) == (size > longest_name));
    if (error) continue;
    const std::string frame = co_await next_words(s.peer);
    CHECK(frame == fmt::format("keep 1 to +{}", max_extra_data));
  }
  CHECK(d.stats().datagrams_dropped_out == 1);
}

// --- turns

awaitable<> reads_behind_a_full_read(sub_stream& stream, byte_string& first, bool& done) {
  const std::size_t n = co_await stream.async_read_some(asio::buffer(first), asio::use_awaitable);
  CHECK(n == first.size());
  CHECK(stream.stats().unread == 0);  // the rest of the payload was left for the next read
  byte_string second(20'000);
  const std::size_t m = co_await stream.async_read_some(asio::buffer(second), asio::use_awaitable);
  CHECK(m == 10'000);
  done = true;
}

/// What is left of the payload is less than a large read.
awaitable<> a_short_rest(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_tcp(1));
  sub_stream stream = co_await s.subject.async_accept();
  byte_string first(20'000);
  bool done = false;
  spawn(s.subject.get_executor(), reads_behind_a_full_read(stream, first, done));
  co_await s.peer.send(data_frame(1, 30'000), pattern(30'000));
  while (!done) co_await yield();
}

}  // namespace

TEST_CASE("writes of many small buffers fill a gather, and arrive whole", "[session][write]") {
  with_script(role::client, many_small_buffers, quiet());
}

TEST_CASE("frames are no smaller than frame_quantum, whatever a gather holds", "[session][write]") {
  session_options o = quiet();
  o.session_out_buffer = 32 * 1024;
  with_script(role::client, frames_of_a_quantum, o);
}

TEST_CASE("a write that its credit covers ends a stall", "[sub_stream][liveness]") {
  session_options o = quiet();
  o.credit_stall_timeout = 60s;
  with_script(role::client, a_covered_write_ends_a_stall, o);
}

TEST_CASE("a datagram and its prefix fill a frame", "[sub_datagram]") {
  with_script(role::client, largest_addressed_datagram, quiet());
}

TEST_CASE("a read that is full ends the turn, although less than a large read is left", "[session]") {
  with_script(role::server, a_short_rest);
}

TEST_CASE("a negotiation leaves no timer behind", "[session][negotiation]") {
  asio::io_context context;
  manual_clock clock(context);
  auto [a, b] = make_pipe(context.get_executor());
  session client(std::move(a), role::client), server(std::move(b), role::server);
  expected_completion of_client, of_server;
  client.async_handshake(of_client.handler());
  server.async_handshake(of_server.handler());
  settle(clock, context);
  REQUIRE(of_client.done());
  REQUIRE(of_server.done());
  CHECK(clock.next_expiry() == time_point::max());
}
