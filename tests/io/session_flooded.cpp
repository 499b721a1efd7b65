// A peer that does not read what it is owed.
#include "robustness.hpp"

using namespace io_test;

namespace {

/// Ends each sub-stream as soon as the peer has.
awaitable<> end_it_too(sub_stream s) {
  std::string room(10, ' ');
  co_await s.async_read_some(asio::buffer(room), as_result);
  co_await s.async_shutdown(as_result);
}

}  // namespace

TEST_CASE("a client that opens and ends sub-streams and reads no End is cut", "[session][limits]") {
  asio::io_context context;
  manual_clock clock(context);
  session_options options;
  options.max_streams = 4;
  options.control_queue = 10;
  auto [near, far] = make_pipe(context.get_executor(), 64);
  session server(std::move(far), role::server, options);
  const fate ended = run_in_background(server);
  spawn(context, serve(server, end_it_too));
  byte_string sent = from_hex(hello_0_0);
  const auto append = [&sent](const byte_string& frame) {
    sent.insert(sent.end(), frame.begin(), frame.end());
  };
  for (std::uint16_t id = 1; id <= 200; ++id) {
    append(encoded(new_tcp(id)));
    append(encoded(end_of(id)));
  }
  asio::async_write(near, asio::buffer(sent), [](error_code, std::size_t) {});
  run_ready(context);
  REQUIRE(*ended);
  CHECK(**ended == errc::too_many_unread_answers);
}
