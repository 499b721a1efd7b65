// What an idle session and an idle sub-stream hold, each side of a pair counted as one.
#include "client.hpp"
#include "pair.hpp"

#include <malloc.h>

#include <deque>
#include <vector>

namespace bench {

namespace {

using muxpro::sub_stream;

/// Bytes that are allocated now.
double allocated() {
  const auto heap = ::mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd);
}

void settle(asio::io_context& io) {
  io.restart();
  while (io.poll() > 0) {
  }
}

double bytes_of_session(std::uint64_t sessions) {
  asio::io_context io(1);
  std::deque<session_pair> pairs;
  pairs.emplace_back(session_pair::connected_sockets(io));
  settle(io);
  const double before = allocated();
  for (std::uint64_t i = 0; i < sessions; ++i) pairs.emplace_back(session_pair::connected_sockets(io));
  settle(io);
  return (allocated() - before) / static_cast<double>(2 * sessions);
}

asio::awaitable<void> open(muxpro::session& s, std::vector<sub_stream>& into) {
  for (std::size_t i = into.capacity(); i > 0; --i) {
    sub_stream stream = co_await s.async_open({{muxpro::network::tcp, "127.0.0.1", 7}});
    into.push_back(std::move(stream));
  }
}

asio::awaitable<void> accept(muxpro::session& s, std::vector<sub_stream>& into) {
  for (std::size_t i = into.capacity(); i > 0; --i) {
    sub_stream stream = co_await s.async_accept();
    into.push_back(std::move(stream));
  }
}

asio::awaitable<void> wait_for_a_byte(sub_stream& stream) {
  char byte = 0;
  co_await stream.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
}

void measure_streams(std::uint64_t streams) {
  asio::io_context io(1);
  session_pair pair(io, options_for(streams));
  std::vector<sub_stream> opened, accepted;
  opened.reserve(streams);
  accepted.reserve(streams);
  settle(io);
  const double nothing = allocated();
  asio::co_spawn(io, open(pair.client, opened), asio::detached);
  asio::co_spawn(io, accept(pair.server, accepted), asio::detached);
  settle(io);
  if (accepted.size() != streams) throw failure("not all sub-streams were opened");
  const double open = allocated();
  char unused = 0;
  for (sub_stream& s : opened) s.async_read_some(asio::buffer(&unused, 1), [](error_code, std::size_t) {});
  settle(io);
  const double waiting = allocated();
  for (sub_stream& s : accepted) asio::co_spawn(io, wait_for_a_byte(s), asio::detached);
  settle(io);
  const auto n = static_cast<double>(streams);
  print_metric("B_per_stream", (open - nothing) / (2 * n), "B");
  print_metric("B_per_waiting_callback", (waiting - open) / n, "B");
  print_metric("B_per_waiting_coroutine", (allocated() - waiting) / n, "B");
}

}  // namespace

int run_idle(arguments& words) {
  words.read_values();
  const auto sessions = words.number("sessions", 1000, 1, 100'000);
  const auto streams = words.number("streams", 10'000, 1, 65000);
  words.check_all_used();
  print_metric("B_per_session", bytes_of_session(sessions), "B");
  measure_streams(streams);
  return 0;
}

}  // namespace bench
