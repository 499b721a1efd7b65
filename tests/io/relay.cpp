// Relays between pipes: bytes, half-close, cuts, limits.
#include "relay_support.hpp"

using namespace io_test;

namespace {

const error_code timed_out = asio::error::timed_out;

}  // namespace

TEST_CASE("a relay passes bytes both ways and counts them", "[relay]") {
  relayed r;
  r.start();
  CHECK(r.passes(r.client, r.server, "request"));
  CHECK(r.passes(r.server, r.client, "the answer"));
  r.shut_down(r.client);
  CHECK(r.end_of(r.server) == eof);
  CHECK_FALSE(r.outcome.done());
  r.shut_down(r.server);
  CHECK(r.end_of(r.client) == eof);
  CHECK(r.outcome.is(no_error));
  CHECK(r.outcome.result.a_to_b == 7);
  CHECK(r.outcome.result.b_to_a == 10);
  CHECK(r.outcome.result.failed == relay_side::none);
}

TEST_CASE("EOF of one side reaches the other behind its bytes, and the other direction goes on", "[relay]") {
  for (const bool client_first : {true, false}) {
    relayed r;
    r.start();
    pipe_end& first = client_first ? r.client : r.server;
    pipe_end& second = client_first ? r.server : r.client;
    asio::async_write(first, asio::buffer("last words", 10), [](error_code, std::size_t) {});
    r.shut_down(first);
    CHECK(r.end_of(second, "last words") == eof);
    CHECK(r.passes(second, first, "still here"));
    CHECK_FALSE(r.outcome.done());
    r.shut_down(second);
    CHECK(r.end_of(first) == eof);
    CHECK(r.outcome.is(no_error));
  }
}

TEST_CASE("bulk both ways through tiny buffers and short operations arrives whole", "[relay]") {
  for (const std::size_t buffer : {1u, 7u, 4096u}) {
    auto faults = std::make_shared<fault>();
    faults->options.seed = buffer;
    faults->options.read.max_size = faults->options.write.max_size = buffer == 1 ? 3 : 1000;
    relayed r(buffer == 1 ? 5 : 700, faults);
    relay_options options;
    options.buffer = buffer;
    r.start(options);
    const std::size_t size = buffer < 10 ? 20'000 : 300'000;
    peer_script up(pattern(size)), down(pattern(2 * size, 77));
    play(r.client, up);
    play(r.server, down);
    r.run_ready();
    CHECK(r.outcome.is(no_error));
    CHECK(r.outcome.result.a_to_b == size);
    CHECK(r.outcome.result.b_to_a == 2 * size);
    CHECK((up.got.error == eof && up.got.data == down.to_send));
    CHECK((down.got.error == eof && down.got.data == up.to_send));
  }
}

TEST_CASE("a relay adds up its bytes while it runs", "[relay]") {
  relayed r;
  relay_options options;
  options.progress = std::make_shared<relay_bytes>();
  r.start(options);
  CHECK(r.passes(r.client, r.server, "up"));
  CHECK(options.progress->a_to_b == 2);
  CHECK(options.progress->b_to_a == 0);
  CHECK(r.passes(r.server, r.client, "down"));
  CHECK(r.passes(r.client, r.server, "more"));
  CHECK(options.progress->a_to_b == 6);
  CHECK(options.progress->b_to_a == 4);
}

TEST_CASE("the limit of an open half is at most idle", "[relay][limits]") {
  for (const bool client_ends : {false, true}) {
    CAPTURE(client_ends);
    relayed r;
    relay_options options;
    options.idle = 10s;
    options.uplink_only = options.downlink_only = 100s;
    r.start(options);
    r.run_ready();
    r.shut_down(client_ends ? r.client : r.server);
    r.advance(9s);
    CHECK_FALSE(r.outcome.done());
    r.advance(2s);
    CHECK(r.outcome.is(asio::error::timed_out));
  }
}

TEST_CASE("a side that breaks cuts the other one, and is named", "[relay]") {
  SECTION("reading a") {
    relayed r;
    r.start();
    CHECK(r.passes(r.client, r.server, "x"));
    r.client.close();
    CHECK(r.end_of(r.server) == reset);
    CHECK(r.outcome.is(reset));
    CHECK(r.outcome.result.failed == relay_side::a);
    CHECK(r.outcome.result.a_to_b == 1);
  }
  SECTION("reading b") {
    relayed r;
    r.start();
    r.run_ready();
    r.server.close();
    CHECK(r.end_of(r.client) == reset);
    CHECK(r.outcome.is(reset));
    CHECK(r.outcome.result.failed == relay_side::b);
  }
  SECTION("writing b") {
    relayed r(0);
    auto& faults = r.b->faults();
    faults.options.error = asio::error::host_unreachable;
    r.start();
    r.run_ready();
    faults.options.write.fail_at = 0;
    asio::async_write(r.client, asio::buffer("lost", 4), [](error_code, std::size_t) {});
    r.run_ready();
    CHECK_FALSE(r.outcome.done());  // the other direction goes on
    asio::async_write(r.server, asio::buffer("lost, too", 9), [](error_code, std::size_t) {});
    CHECK(r.end_of(r.server) == reset);
    CHECK(r.end_of(r.client) == reset);
    CHECK(r.outcome.is(asio::error::host_unreachable));
    CHECK(r.outcome.result.failed == relay_side::b);
    CHECK(r.outcome.result.a_to_b == 0);
  }
  SECTION("after EOF of the other side") {
    relayed r;
    r.start();
    r.shut_down(r.client);
    r.server.close();
    r.run_ready();
    CHECK(r.outcome.is(reset));
    CHECK(r.end_of(r.client) == reset);
  }
}

TEST_CASE("EOF that is not awaited any more is no error", "[relay]") {
  relayed r;
  r.start();
  asio::async_write(r.server, asio::buffer("answer", 6), [](error_code, std::size_t) {});
  r.shut_down(r.server);
  r.server.close();
  r.shut_down(r.client);
  CHECK(r.end_of(r.client, "answer") == eof);
  CHECK(r.outcome.is(no_error));
}

TEST_CASE("an idle relay ends, and any byte restarts its time", "[relay]") {
  relayed r;
  relay_options options;
  options.idle = 10s;
  r.start(options);
  r.run_ready();
  for (int i = 0; i < 3; ++i) {
    r.advance(9s);
    CHECK(r.passes(r.client, r.server, "a"));
    r.advance(9s);
    CHECK(r.passes(r.server, r.client, "b"));
  }
  r.advance(10s - 1ms);
  CHECK_FALSE(r.outcome.done());
  r.advance(1ms);
  CHECK(r.outcome.is(timed_out));
  CHECK(r.outcome.result.failed == relay_side::none);
  CHECK(r.outcome.result.a_to_b == 3);
  CHECK(r.end_of(r.client) == reset);
  CHECK(r.end_of(r.server) == reset);
}

TEST_CASE("after EOF of one side the other has its own limit", "[relay]") {
  relay_options options;
  options.uplink_only = 3s;
  options.downlink_only = 5s;
  SECTION("the client has finished") {
    relayed r;
    r.start(options);
    r.advance(20s);
    r.shut_down(r.client);
    r.advance(5s - 1ms);
    CHECK(r.passes(r.server, r.client, "slow"));
    r.advance(5s - 1ms);
    CHECK_FALSE(r.outcome.done());
    r.advance(1ms);
    CHECK(r.outcome.is(timed_out));
    CHECK(r.end_of(r.client) == reset);
  }
  SECTION("the server has finished") {
    relayed r;
    r.start(options);
    r.advance(20s);
    r.shut_down(r.server);
    r.advance(3s - 1ms);
    CHECK_FALSE(r.outcome.done());
    r.advance(1ms);
    CHECK(r.outcome.is(timed_out));
    CHECK(r.end_of(r.server) == reset);
  }
  SECTION("a longer limit than idle does not lengthen it") {
    options.idle = 2s;
    relayed r;
    r.start(options);
    r.shut_down(r.client);
    r.advance(2s);
    CHECK(r.outcome.is(timed_out));
  }
}

TEST_CASE("a side that takes nothing is idle", "[relay]") {
  relayed r(10);
  relay_options options;
  options.idle = 10s;
  r.start(options);
  peer_script up(pattern(10'000));
  spawn(r.context, play_writer(r.client, up));
  r.advance(10s);
  CHECK(r.outcome.is(timed_out));
  CHECK(r.outcome.result.a_to_b == 10);
  CHECK(up.write_error == asio::error::broken_pipe);
}

TEST_CASE("options of a relay that make no sense are refused by name", "[relay]") {
  relay_options options;
  CHECK(options.validate().empty());
  options.buffer = 0;
  CHECK(options.validate() == "buffer is 0, it must be 1 to 16777216");
  relayed r;
  r.start(options);
  CHECK_FALSE(r.outcome.done());
  r.run_ready();
  CHECK(r.outcome.is(errc::bad_option));
  CHECK(r.a->lowest_layer().is_open());
  options = {};
  options.downlink_only = 0s;
  CHECK(options.validate() == "downlink_only (s) is 0, it must be 0.001 to 31536000");
}

TEST_CASE("the buffer of a direction is large only while reads make use of it", "[relay]") {
  detail::relay_buffer buffer(32768);
  const auto room_after = [&buffer](std::size_t n) {
    buffer.filled(n);
    buffer.consume(n);
    return buffer.room().size();
  };
  CHECK(buffer.room().size() == 2048);
  CHECK(room_after(2047) == 2048);
  CHECK(room_after(2048) == 32768);
  CHECK(room_after(1500) == 32768);
  CHECK(room_after(1024) == 2048);
  CHECK(detail::relay_buffer(5).room().size() == 5);
}
