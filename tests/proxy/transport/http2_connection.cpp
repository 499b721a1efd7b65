// HTTP/2 connections with themselves: bytes, ends, flow control and limits.
#include "http2_meeting.hpp"

#include <algorithm>
#include <array>

namespace {

using namespace http2_test;

awaitable<> echoes(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  std::size_t sent = 0;
  for (const std::size_t size : {1U, 100U, 16383U, 16384U, 16385U, 70'000U, 300'000U}) {
    const std::string text(size, static_cast<char>('a' + size % 26));
    asio::co_spawn(m.io, write(a, text), [](std::exception_ptr, std::error_code e) { CHECK_FALSE(e); });
    const std::string there = co_await read(b, size);
    CHECK(there == text);
    asio::co_spawn(m.io, write(b, there), [](std::exception_ptr, std::error_code e) { CHECK_FALSE(e); });
    const std::string back = co_await read(a, size);
    CHECK(back == text);
    sent += size;
  }
  CHECK(sent > 0);
}

awaitable<> ends_apart(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  co_await write(a, "last");
  co_await a.async_shutdown();
  const auto [again] = co_await a.async_shutdown(as_result);
  CHECK(again == errc::already_shut_down);
  const std::string there = co_await read_all(b);
  CHECK(there == "last|");
  co_await write(b, "answer");
  co_await b.async_shutdown();
  const std::string back = co_await read_all(a);
  CHECK(back == "answer|");
}

awaitable<> server_ends_first(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  co_await write(b, "bye");
  co_await b.async_shutdown();
  const std::string back = co_await read_all(a);
  CHECK(back == "bye|");
  co_await write(a, "still here");
  const std::string there = co_await read(b, 10);
  CHECK(there == "still here");
  co_await a.async_shutdown();
  const std::string end = co_await read_all(b);
  CHECK(end == "|");
}

// Bytes that came before the reset stay readable.
awaitable<> cut_by(meeting& m, bool client) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  http2_stream &cuts = client ? a : b, &other = client ? b : a;
  co_await write(cuts, "before");
  co_await pause(5ms);
  cuts.reset(end_code::remote_disconnect);
  const std::string there = co_await read_all(other);
  CHECK(there == "before!");
  const std::error_code refused = co_await write(other, "x");
  CHECK(refused == asio::error::connection_reset);
  std::array<char, 1> room;
  const auto [own, n] = co_await cuts.async_read_some(asio::buffer(room), as_result);
  CHECK(own == asio::error::operation_aborted);
  CHECK_FALSE(m.client.ended());
}

awaitable<> goes_out_of_scope(meeting& m) {
  std::optional<http2_stream> a(m.request());
  http2_stream b = co_await m.taken();
  a.reset();
  const std::string there = co_await read_all(b);
  CHECK(there == "!");
  std::optional<http2_stream> c(m.request());
  http2_stream d = co_await m.taken();
  co_await write(*c, "all of it");
  co_await c->async_shutdown();
  c.reset();
  const std::string heard = co_await read_all(d);
  CHECK(heard == "all of it|");
  const std::error_code refused = co_await write(d, std::string(100'000, 'x'));
  CHECK_FALSE(refused == errc::operation_in_progress);
}

awaitable<> one_stream_waits(meeting& m) {
  http2_stream slow = m.request(), fast = m.request();
  http2_stream slow_end = co_await m.taken(), fast_end = co_await m.taken();
  bool all_written = false;
  asio::co_spawn(m.io, write(slow, std::string(8 << 20, 's')),
                 [&](std::exception_ptr, std::error_code) { all_written = true; });
  co_await pause(50ms);
  CHECK_FALSE(all_written);
  for (int i = 0; i < 10; ++i) {
    co_await write(fast, std::string(10'000, 'f'));
    const std::string there = co_await read(fast_end, 10'000);
    CHECK(there.size() == 10'000);
  }
  std::string all = co_await read(slow_end, 8 << 20);
  CHECK(all == std::string(8 << 20, 's'));
  CHECK(all_written);
}

// A peer that never reads gets what the windows allow, and a little more that waits to be written.
awaitable<> never_read(meeting& m, std::size_t most) {
  std::vector<http2_stream> ours, theirs;
  std::vector<std::size_t> taken(20);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    ours.push_back(m.request());
    theirs.push_back(co_await m.taken());
  }
  auto pour = [](http2_stream& s, std::size_t& n) -> awaitable<> {
    const std::string chunk(10'000, 'x');
    while (!co_await write(s, chunk)) n += chunk.size();
  };
  for (std::size_t i = 0; i < taken.size(); ++i)
    asio::co_spawn(m.io, pour(ours[i], taken[i]), [](std::exception_ptr) {});
  co_await pause(200ms);
  std::size_t all = 0;
  for (const std::size_t n : taken) all += n;
  CHECK(all <= most);
  for (http2_stream& s : ours) s.reset(end_code::timeout);
  co_await pause(10ms);
}

awaitable<> many_at_once(meeting& m) {
  for (int round = 0; round < 3; ++round) {
    std::vector<http2_stream> ours, theirs;
    for (int i = 0; i < 100; ++i) ours.push_back(m.request());
    for (int i = 0; i < 100; ++i) theirs.push_back(co_await m.taken());
    for (std::size_t i = 0; i < 100; ++i) co_await write(ours[i], std::to_string(i) + ";");
    for (std::size_t i = 0; i < 100; ++i) {
      const std::string expected = std::to_string(i) + ";";
      const std::string there = co_await read(theirs[i], expected.size());
      CHECK(there == expected);
    }
  }
}

awaitable<> too_many(meeting& m) {
  std::vector<http2_stream> ours;
  for (int i = 0; i < 5; ++i) ours.push_back(m.request());
  co_await wait_for([&] { return m.accepted.size() == 3; });
  const std::string refused = co_await read_all(ours[4]);
  CHECK(refused == "!");
  CHECK_FALSE(m.client.connection->takes_requests());
  // One ends: there is room again.
  ours[0].reset(end_code::timeout);
  m.accepted.erase(m.accepted.begin());
  co_await pause(10ms);
  ours.erase(ours.begin());
  ours.erase(ours.begin() + 2, ours.end());
  co_await wait_for([&] { return m.client.connection->takes_requests(); });
  const http2_stream another = m.request();
  co_await wait_for([&] { return m.accepted.size() == 3; });
}

awaitable<> second_operations_are_refused(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  std::array<char, 10> room;
  std::error_code first;
  a.async_read_some(asio::buffer(room), [&](std::error_code e, std::size_t) { first = e; });
  const auto [second, n] = co_await a.async_read_some(asio::buffer(room), as_result);
  CHECK(second == errc::operation_in_progress);
  a.close();
  co_await wait_for([&] { return first == asio::error::operation_aborted; });
  const auto [none, zero] = co_await b.async_read_some(asio::mutable_buffer(), as_result);
  CHECK_FALSE(none);
  CHECK(zero == 0);
}

awaitable<> cancelled_reads_lose_nothing(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  std::array<char, 10> room;
  asio::cancellation_signal stop;
  std::error_code result;
  b.async_read_some(
      asio::buffer(room),
      asio::bind_cancellation_slot(stop.slot(), [&](std::error_code e, std::size_t) { result = e; }));
  stop.emit(asio::cancellation_type::total);
  co_await wait_for([&] { return result == asio::error::operation_aborted; });
  co_await write(a, "hello");
  const std::string there = co_await read(b, 5);
  CHECK(there == "hello");
}

awaitable<> drains(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  m.server.connection->drain();
  co_await wait_for([&] { return !m.client.connection->takes_requests(); });
  co_await write(a, "goes on");
  const std::string there = co_await read(b, 7);
  CHECK(there == "goes on");
  CHECK_FALSE(m.client.ended());
  co_await a.async_shutdown();
  co_await b.async_shutdown();
  const std::string back = co_await read_all(a);
  CHECK(back == "|");
  co_await wait_for([&] { return m.client.ended() && m.server.ended(); });
  CHECK_FALSE(**m.client.outcome);
  CHECK_FALSE(**m.server.outcome);
}

awaitable<> wire_ends(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  m.server.connection->cut();
  const std::string heard = co_await read_all(a);
  CHECK(heard == "!");
  const std::string there = co_await read_all(b);
  CHECK(there == "!");
  co_await wait_for([&] { return m.client.ended() && m.server.ended(); });
}

awaitable<> idles(meeting& m) {
  {
    http2_stream a = m.request();
    http2_stream b = co_await m.taken();
    co_await pause(100ms);
    CHECK_FALSE(m.client.ended());
  }
  co_await wait_for([&] { return m.client.ended() && m.server.ended(); });
  CHECK_FALSE(**m.server.outcome);
}

awaitable<> pings(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  co_await pause(100ms);
  CHECK_FALSE(m.client.ended());
}

/// Each message has its size in ten digits before it.
class numbered final : public http2_body {
 public:
  const_bytes next(const_bytes& in) noexcept override {
    if (head_ < digits || size_ == 0) {
      if (head_ == digits) head_ = size_ = 0;
      size_ = size_ * 10 + std::to_integer<std::size_t>(in.front()) - '0';
      in = in.subspan(1);
      ++head_;
      return {};
    }
    const const_bytes piece = in.first(std::min(size_, in.size()));
    in = in.subspan(piece.size());
    size_ -= piece.size();
    return piece;
  }
  bool broken() const noexcept override { return size_ > 100'000; }
  bool may_end() const noexcept override { return size_ == 0; }
  std::size_t head_size() const noexcept override { return digits; }
  std::size_t write_head(std::span<std::byte, most_head> to, std::size_t payload) noexcept override {
    for (std::size_t i = digits; i-- > 0; payload /= 10) to[i] = static_cast<std::byte>('0' + payload % 10);
    return digits;
  }

 private:
  static constexpr std::size_t digits = 10;
  std::size_t head_ = 0, size_ = 0;
};

awaitable<> whispers(meeting& m) {
  http2_stream a = m.request();
  http2_stream b = co_await m.taken();
  const std::string text = "every byte of it arrives";
  for (int i = 0; i < 5; ++i) {
    asio::co_spawn(m.io, write(a, text), [](std::exception_ptr, std::error_code e) { CHECK_FALSE(e); });
    const std::string there = co_await read(b, text.size());
    CHECK(there == text);
  }
  co_await a.async_shutdown();
  const std::string end = co_await read_all(b);
  CHECK(end == "|");
}

http2_options with_window(std::uint32_t stream, std::uint32_t all = 4 << 20) {
  http2_options o;
  o.stream_window = stream;
  o.connection_window = all;
  return o;
}

}  // namespace

TEST_CASE("http2: bytes go both ways", "[proxy][http2]") { meeting().run(echoes); }

TEST_CASE("http2: bytes go through any window", "[proxy][http2]") {
  for (const std::uint32_t window : {10'000u, 65'535u, 100'000u}) {
    INFO(window);
    meeting(with_window(window, 65'535), with_window(window, 65'535)).run(echoes);
  }
  // Messages that no frame has room for go in pieces.
  for (const std::uint32_t window : {3u, 9u, 11u, 100u}) {
    INFO(window);
    meeting(with_window(window), with_window(window), [] {
      return std::make_unique<numbered>();
    }).run(whispers);
  }
}

TEST_CASE("http2: the directions of a stream end apart", "[proxy][http2]") {
  meeting().run(ends_apart);
  meeting().run(server_ends_first);
}

TEST_CASE("http2: a cut stream is an error behind the bytes before, and costs no other", "[proxy][http2]") {
  meeting().run([](meeting& m) { return cut_by(m, true); });
  meeting().run([](meeting& m) { return cut_by(m, false); });
}

TEST_CASE("http2: a stream that goes out of scope is cut, unless it has been shut down", "[proxy][http2]") {
  meeting().run(goes_out_of_scope);
}

TEST_CASE("http2: a slow reader holds up its own stream alone", "[proxy][http2]") {
  meeting().run(one_stream_waits);
}

TEST_CASE("http2: unread bytes are bounded, by stream and by connection", "[proxy][http2]") {
  constexpr std::size_t wire = 3 << 18, chunks = 20 * 10'000;
  meeting({}, with_window(65'535)).run([](meeting& m) { return never_read(m, 20 * 65'535 + wire + chunks); });
  http2_options few = with_window(1 << 20, 100'000);
  few.most_unread = 200'000;
  meeting({}, few).run([](meeting& m) { return never_read(m, 300'000 + wire + chunks); });
}

TEST_CASE("http2: many streams", "[proxy][http2]") { meeting().run(many_at_once); }

TEST_CASE("http2: a server refuses more streams than it allows", "[proxy][http2]") {
  http2_options three;
  three.streams = 3;
  meeting({}, three).run(too_many);
}

TEST_CASE("http2: misuse and cancellation of operations", "[proxy][http2]") {
  meeting().run(second_operations_are_refused);
  meeting().run(cancelled_reads_lose_nothing);
}

TEST_CASE("http2: a drained connection ends behind its last stream", "[proxy][http2]") {
  meeting().run(drains);
}

TEST_CASE("http2: the end of a connection is that of its streams", "[proxy][http2]") {
  meeting().run(wire_ends);
}

TEST_CASE("http2: a connection without streams ends", "[proxy][http2]") {
  http2_options o;
  o.idle = 50ms;
  meeting({}, o).run(idles);
  meeting(o, {}).run(idles);
}

TEST_CASE("http2: a client pings a silent server", "[proxy][http2]") {
  http2_options o;
  o.ping_after = 10ms;
  o.ping_answer = 50ms;
  meeting(o, {}).run(pings);
}

TEST_CASE("http2: the context may go first", "[proxy][http2]") {
  std::optional<http2_stream> kept;
  std::array<char, 10> room;
  bool called = false;
  {
    meeting m;
    kept.emplace(m.request());
    kept->async_read_some(asio::buffer(room), [&](std::error_code, std::size_t) { called = true; });
    m.io.run_for(10ms);
  }
  CHECK_FALSE(called);
}
