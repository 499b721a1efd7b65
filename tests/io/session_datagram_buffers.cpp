// A datagram is one whole whatever sequence of buffers it is sent from and received into.
#include "datagram_support.hpp"

#include <list>

namespace datagram_buffers_tests {

namespace {

using namespace io_test;

/// `n` buffers over the bytes of `all`, empty ones between them.
template <class Buffer, class Bytes>
std::list<Buffer> in_parts(Bytes& all, std::size_t n) {
  std::list<Buffer> out;
  const std::size_t each = all.size() / n;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t size = i + 1 < n ? each : all.size() - i * each;
    out.push_back(Buffer(all.data() + i * each, size));
    out.push_back(Buffer());
  }
  return out;
}

awaitable<> sends_all_parts(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  const host_port there{address("192.0.2.9"), 9};
  for (const std::size_t parts : {1U, 3U, 4U, 5U, 6U, 63U, 64U, 65U, 1000U}) {
    INFO("parts " << parts);
    const byte_string data = pattern(3000 + parts);
    const auto buffers = in_parts<asio::const_buffer>(data, parts);
    const std::size_t sent = co_await d.client.async_send(buffers);
    CHECK(sent == data.size());
    const received got = co_await receive(d.server);
    CHECK(got.text == to_text(data));
    const std::size_t sent_to = co_await d.client.async_send_to(buffers, there);
    CHECK(sent_to == data.size());
    const received addressed = co_await receive(d.server);
    CHECK(addressed.text == to_text(data));
    CHECK(addressed.from == there);
  }
}

awaitable<> receives_into_all_parts(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  for (const std::size_t parts : {1U, 2U, 4U, 5U, 6U, 64U, 65U, 1000U}) {
    INFO("parts " << parts);
    for (const bool waits : {false, true}) {
      const byte_string data = pattern(3000 + parts);
      byte_string room(data.size());
      const auto into = in_parts<asio::mutable_buffer>(room, parts);
      host_port from;
      expected_completion done;
      if (waits) d.server.async_receive_from(into, from, done.handler());
      co_await d.client.async_send(asio::buffer(data));
      co_await yield();
      if (!waits) d.server.async_receive_from(into, from, done.handler());
      co_await yield();
      CHECK_FALSE(done.error());
      CHECK(done.n() == data.size());
      CHECK(room == data);
    }
  }
}

awaitable<> too_small_in_parts(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  const byte_string data = pattern(1000);
  byte_string room(999);
  const auto into = in_parts<asio::mutable_buffer>(room, 9);
  co_await d.client.async_send(asio::buffer(data));
  host_port from;
  const auto [error, n] = co_await d.server.async_receive_from(into, from, as_result);
  CHECK(error == asio::error::message_size);
  CHECK(n == 999);
  CHECK(std::equal(room.begin(), room.end(), data.begin()));
}

awaitable<> too_large_in_parts(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  const byte_string data = pattern(max_datagram + 1);
  const auto [error, n] = co_await d.client.async_send(in_parts<asio::const_buffer>(data, 100), as_result);
  CHECK(error == errc::datagram_too_large);
  CHECK(n == 0);
  CHECK(d.client.stats().datagrams_dropped_out == 1);
}

}  // namespace

TEST_CASE("a datagram is sent from any number of buffers", "[datagram][buffers]") {
  with_pair(sends_all_parts);
}
TEST_CASE("a datagram is received into any number of buffers", "[datagram][buffers]") {
  with_pair(receives_into_all_parts);
}
TEST_CASE("a datagram that many buffers cannot hold is cut with an error", "[datagram][buffers]") {
  with_pair(too_small_in_parts);
}
TEST_CASE("the size of a datagram in many buffers is the sum of all", "[datagram][buffers]") {
  with_pair(too_large_in_parts);
}

}  // namespace datagram_buffers_tests
