// Peers of HTTP/2 that send frames of their own choice.
#include "http2_meeting.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace {

using namespace http2_test;

std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 0xff);
  return out.append(payload);
}

const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "");
const std::string ping = frame(6, 0, 0, "12345678");
const std::string settings = frame(4, 0, 0, "");

/// POST http://a/
std::string request(std::uint32_t stream, bool last = false) {
  return frame(1, last ? 5 : 4, stream,
               "\x83\x84\x86\x41\x01"
               "a");
}

/// A server, and the other end of its connection.
struct raw_client {
  explicit raw_client(http2_options o = {})
      : wire(make_pipe(io.get_executor(), 1 << 18)),
        server(io, std::make_shared<http2_connection>(
                       shared(std::move(wire.second)), role::server, o,
                       [this](http2_connection& c, http2_request r) {
                         streams.push_back(c.accept(r, {{":status", "200"}}, std::make_unique<http2_body>()));
                       })) {
    asio::co_spawn(io, hear(), [](std::exception_ptr) {});
  }
  void run(std::function<awaitable<>(raw_client&)> work) { test::run(io, work(*this)); }
  awaitable<> hear() {
    std::vector<char> room(65536);
    for (;;) {
      const auto [error, n] = co_await wire.first.async_read_some(asio::buffer(room), as_result);
      if (error) break;
      heard.append(room.data(), n);
    }
  }
  /// Until the server has ended: the number of times that `what` was sent, at most `most`.
  awaitable<int> send(std::string what, int most) {
    for (int i = 0; i < most; ++i) {
      const auto [error, n] = co_await asio::async_write(wire.first, asio::buffer(what), as_result);
      if (error || server.ended()) co_return i;
    }
    co_await pause(20ms);
    co_return server.ended() ? most - 1 : most;
  }

  asio::io_context io;
  std::pair<pipe_end, pipe_end> wire;
  std::vector<http2_stream> streams;
  std::string heard;
  running server;
};

std::string setting(int id, std::uint32_t value) {
  std::string out{'\0', static_cast<char>(id)};
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

/// The size of the largest frame of a body.
std::size_t largest_data(std::string_view wire) {
  std::size_t largest = 0;
  while (wire.size() >= 9) {
    const auto byte = [&](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(wire[i]));
    };
    const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (byte(3) == 0) largest = std::max(largest, size);
    wire.remove_prefix(std::min(wire.size(), 9 + size));
  }
  return largest;
}

// The client takes frames of `most` bytes. Settings 4 and 5 are the window and the size of a frame.
awaitable<> gets_frames(raw_client& c, std::uint32_t most, std::size_t expected) {
  const std::string opens = preface + frame(4, 0, 0, setting(4, 1 << 20) + setting(5, most)) +
                            frame(8, 0, 0, std::string("\0\x10\0\0", 4));
  co_await c.send(opens + request(1), 1);
  const std::error_code written = co_await write(c.streams[0], std::string(200'000, 'x'));
  CHECK_FALSE(written);
  co_await wait_for([&] { return c.heard.size() > 200'000; });
  CHECK(largest_data(c.heard) == expected);
}

awaitable<> floods(raw_client& c, std::string what) {
  co_await c.send(preface + request(1), 1);
  const int sent = co_await c.send(what, 100'000);
  CHECK(sent < 100'000);
  co_await wait_for([&] { return c.server.ended(); });
  CHECK(**c.server.outcome);
}

awaitable<> resets(raw_client& c) {
  co_await c.send(preface, 1);
  int sent = 0;
  for (std::uint32_t id = 1; id < 40'000 && !c.server.ended(); id += 2) {
    const std::string both = request(id) + frame(3, 0, id, std::string("\0\0\0\x08", 4));
    const auto [error, n] = co_await asio::async_write(c.wire.first, asio::buffer(both), as_result);
    if (error) break;
    if (++sent % 50 == 0) co_await pause(1ms);
    c.streams.clear();
  }
  co_await wait_for([&] { return c.server.ended(); });
  CHECK(sent < 10'000);
  CHECK(c.server.ended());
}

// A busy connection may have as many of them as it has data.
awaitable<> is_busy(raw_client& c) {
  co_await c.send(preface + request(1), 1);
  const std::string data = frame(0, 0, 1, "x");
  for (int i = 0; i < 50; ++i) {
    const int sent = co_await c.send(data + ping + ping + frame(8, 0, 0, std::string("\0\0\0\1", 4)), 100);
    CHECK(sent == 100);
    std::vector<char> room(100);
    co_await asio::async_read(c.streams[0], asio::buffer(room), as_result);
  }
  CHECK_FALSE(c.server.ended());
}

// Go's client may send an update for each read of a few bytes.
awaitable<> is_read_in_small_pieces(raw_client& c) {
  co_await c.send(preface + request(1), 1);
  std::string wire = frame(0, 0, 1, std::string(16'000, 'x'));
  for (int i = 0; i < 40; ++i) wire += frame(8, 0, 0, std::string("\0\0\x10\0", 4));
  std::vector<char> room(16'000);
  for (int i = 0; i < 1000 && !c.server.ended(); ++i) {
    co_await asio::async_write(c.wire.first, asio::buffer(wire), as_result);
    co_await asio::async_read(c.streams[0], asio::buffer(room), as_result);
  }
  CHECK_FALSE(c.server.ended());
}

awaitable<> is_cut(raw_client& c, std::string wire) {
  co_await c.send(std::move(wire), 1);
  co_await wait_for([&] { return c.server.ended(); });
  CHECK(**c.server.outcome);
}

awaitable<> says_nothing(raw_client& c) {
  co_await wait_for([&] { return c.server.ended(); });
  CHECK(**c.server.outcome == asio::error::timed_out);
}

awaitable<> never_asks(raw_client& c) {
  co_await c.send(preface, 1);
  co_await says_nothing(c);
}

awaitable<> has_a_long_head(raw_client& c) {
  // Literal fields without indexing: "x" with 127 bytes.
  std::string field("\0\1x\x7f\0", 5);  // 127 as a prefix of 7 bits, and 0
  field += std::string(127, 'y');
  std::string head = "\x83\x84\x86\x41\x01" + std::string("a");
  while (head.size() < 15'000) head += field;
  co_await c.send(preface + frame(1, 0, 1, head) + frame(9, 4, 1, head.substr(6)), 1);
  co_await pause(20ms);
  CHECK(c.streams.empty());
  co_await c.send(request(3), 1);
  co_await wait_for([&] { return c.streams.size() == 1; });
}

}  // namespace

TEST_CASE("http2: a frame of a body has what the peer takes, and 64 KiB at most", "[proxy][http2]") {
  for (const auto& [most, expected] : {std::pair(16384U, 16384U), {20'000U, 20'000U}, {16'777'215U, 65536U}})
    raw_client().run([&](raw_client& c) { return gets_frames(c, most, expected); });
}

// nghttp2 skips frames of a type that it does not have. They cost what their bytes cost, and are no flood.
TEST_CASE("http2: floods of frames without a purpose end the connection", "[proxy][http2]") {
  for (const std::string& what :
       {ping, settings, frame(0, 0, 1, ""), frame(2, 0, 1, std::string(5, '\0')),
        frame(8, 0, 0, std::string("\0\0\0\1", 4)), request(3, true) + frame(9, 0, 3, "")})
    raw_client().run([&](raw_client& c) { return floods(c, what); });
}

TEST_CASE("http2: rapid resets end the connection", "[proxy][http2]") { raw_client().run(resets); }

TEST_CASE("http2: a busy connection has room for control frames", "[proxy][http2]") {
  raw_client().run(is_busy);
  raw_client().run(is_read_in_small_pieces);
}

TEST_CASE("http2: what is no HTTP/2 ends the connection", "[proxy][http2]") {
  for (const std::string& wire :
       {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), preface + frame(0, 0, 1, "x"),
        preface + frame(1, 4, 2, "\x83"), preface + frame(1, 4, 1, "\xff\xff\xff\xff\xff\xff\xff\xff"),
        preface + frame(8, 0, 0, std::string(4, '\0'))})
    raw_client().run([&](raw_client& c) { return is_cut(c, wire); });
}

TEST_CASE("http2: a client without requests is closed", "[proxy][http2]") {
  http2_options o;
  o.handshake = 30ms;
  raw_client(o).run(says_nothing);
  raw_client(o).run(never_asks);
}

TEST_CASE("http2: a head that is too long costs its stream alone", "[proxy][http2]") {
  http2_options o;
  o.head_bytes = 4096;
  raw_client(o).run(has_a_long_head);
}
