// What the tests of UDP sub-streams share.
#pragma once

#include "session_support.hpp"

namespace io_test {

struct datagram_pair {
  datagram_pair() = default;
  sub_datagram client, server;
};

inline awaitable<datagram_pair> open_datagrams(session_pair& p, open_request request = to_udp()) {
  stream_pair s = co_await open_pair(p, std::move(request));
  datagram_pair out;
  out.client = sub_datagram(std::move(s.client));
  out.server = sub_datagram(std::move(s.server));
  co_return out;
}

struct received {
  received() = default;
  std::string text;
  host_port from;
};

inline awaitable<received> receive(sub_datagram& d) {
  received out;
  out.text.resize(max_datagram + 1);
  const std::size_t n = co_await d.async_receive_from(asio::buffer(out.text), out.from);
  out.text.resize(n);
  co_return out;
}

inline awaitable<> send(sub_datagram& d, std::string_view text) {
  const std::size_t n = co_await d.async_send(asio::buffer(text));
  CHECK(n == text.size());
}

/// The target of to_udp(), as a sub-stream with id 1.
constexpr auto new_udp_hex = "000d 0001 01 00 02 00 0035 01 c0000207";

/// A server's UDP sub-stream, opened by the peer.
inline awaitable<sub_datagram> accepted(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send(new_udp_hex);
  sub_stream stream = co_await s.subject.async_accept();
  co_return sub_datagram(std::move(stream));
}

}  // namespace io_test
