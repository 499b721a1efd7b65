// Relays between sockets whose bytes go through a pipe of the kernel. Each runs in a std::thread.
#include "splice_support.hpp"

#include <memory>
#include <vector>

using namespace io_test;

TEST_CASE("relay by splice: bulk both ways at once arrives whole, and each side's EOF behind it",
          "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    read_result at_client, at_server;
    r.receive(r.client, at_client);
    r.receive(r.server, at_server);
    r.send(r.client, bulk());
    r.send(r.server, bulk());
    r.run_to_end();
    r.run_until([&] { return at_client.error && at_server.error; });
    CHECK((is_bulk(at_client) && is_bulk(at_server)));
    CHECK(r.outcome.is(no_error));
    CHECK((r.outcome.result.a_to_b == bulk_size && r.outcome.result.b_to_a == bulk_size));
  });
}

TEST_CASE("relay by splice: a side ends in the midst of bulk of the other one", "[relay][splice]") {
  in_thread_with_pipes([] {
    for (const bool client_first : {true, false}) {
      spliced r;
      tcp::socket& first = client_first ? r.client : r.server;
      tcp::socket& second = client_first ? r.server : r.client;
      r.send(second, bulk());
      r.run_for(50ms);
      first.shutdown(tcp::socket::shutdown_send);
      CHECK(r.read(second).error == eof);
      CHECK_FALSE(r.outcome.done());
      CHECK(is_bulk(r.read(first)));
      r.run_to_end();
      CHECK(r.outcome.is(no_error));
    }
  });
}

TEST_CASE("relay by splice: bytes wait in a pipe for a slow reader, and are counted when they leave it",
          "[relay][splice]") {
  in_thread_with_pipes([] {
    relay_options options = small_buffer();
    options.progress = std::make_shared<relay_bytes>();
    spliced r(options);
    r.fill_up();
    CHECK(pipe_descriptors() == r.pipes_before + 2);
    CHECK(options.progress->a_to_b < bulk_size);
    CHECK(is_bulk(r.read(r.server)));
    CHECK(options.progress->a_to_b == bulk_size);
    r.server.shutdown(tcp::socket::shutdown_send);
    r.run_to_end();
    CHECK(r.outcome.is(no_error));
  });
}

TEST_CASE("relay by splice: directions that wait have no pipe but those that the thread keeps",
          "[relay][splice]") {
  in_thread_with_pipes([] {
    const std::size_t before = pipe_descriptors();
    std::vector<std::unique_ptr<spliced>> all;
    for (int i = 0; i < 6; ++i) all.push_back(std::make_unique<spliced>());
    for (const auto& r : all) r->send(r->client, bulk(), false);
    for (const auto& r : all) r->run_for(200ms);
    CHECK(pipe_descriptors() == before + 12);
    byte_string got(bulk_size);
    for (const auto& r : all) {
      bool whole = false;
      asio::async_read(r->server, asio::buffer(got), [&](error_code ec, std::size_t) { whole = !ec; });
      r->run_until([&] { return whole; });
      CHECK((got == bulk()));
      r->run_for(10ms);
    }
    CHECK(pipe_descriptors() == before + 8);
  });
}

TEST_CASE("relay by splice: small messages and bulk by turns", "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    for (const std::size_t size : {bulk_size, std::size_t{5}, std::size_t{6}, bulk_size, std::size_t{7}}) {
      const byte_string data = pattern(size);
      CHECK(r.passes(r.client, r.server, data));
      CHECK(r.passes(r.server, r.client, data));
    }
    CHECK(pipe_descriptors() <= r.pipes_before + 4);
  });
}

TEST_CASE("relay by splice: a reset of the sender reaches the reader behind what came before",
          "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    r.fill_up();
    r.reset_of(r.client);
    const read_result got = r.read(r.server);
    r.run_to_end();
    CHECK(r.outcome.is(reset));
    CHECK(r.outcome.result.failed == relay_side::a);
    CHECK(got.error == reset);
    CHECK(got.data.size() < bulk_size);
    CHECK(test::has_pattern(got.data));
  });
}

TEST_CASE("relay by splice: a reset of the reader ends the relay, and is no signal", "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    r.fill_up();
    r.reset_of(r.server);
    CHECK(r.read(r.client).error);
    r.run_to_end();
    CHECK(r.outcome.error);
    CHECK(r.outcome.result.failed == relay_side::b);
  });
}

TEST_CASE("relay by splice: cancellation while a pipe holds bytes", "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    r.fill_up();
    r.stop.emit(asio::cancellation_type::terminal);
    r.run_to_end();
    CHECK(r.outcome.is(asio::error::operation_aborted));
    CHECK(pipe_descriptors() == r.pipes_before);
  });
}

TEST_CASE("relay by splice: cancellation while a direction waits for more bulk", "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    CHECK(r.passes(r.client, r.server, bulk()));
    r.stop.emit(asio::cancellation_type::terminal);
    r.run_to_end();
    CHECK(r.outcome.is(asio::error::operation_aborted));
  });
}

TEST_CASE("relay by splice: the caller closes a socket while a pipe holds bytes", "[relay][splice]") {
  in_thread_with_pipes([] {
    for (const bool source : {true, false}) {
      spliced r;
      r.fill_up();
      (source ? r.a : r.b).close();
      read_result got;
      r.receive(r.server, got);
      r.run_to_end();
      CHECK(r.outcome.error);
      CHECK(test::has_pattern(got.data));
    }
  });
}

TEST_CASE("relay by splice: the context goes while a pipe holds bytes", "[relay][splice]") {
  in_thread_with_pipes([] {
    spliced r;
    r.fill_up();
  });
}

TEST_CASE("relay by splice: only a reader that takes nothing meets the idle limit", "[relay][splice]") {
  in_thread_with_pipes([] {
    relay_options options = small_buffer();
    options.idle = options.uplink_only = options.downlink_only = 400ms;
    spliced r(options);
    r.fill_up();
    byte_string some(100'000);
    for (int i = 0; i < 8; ++i) {
      r.server.read_some(asio::buffer(some));
      r.run_for(150ms);
    }
    CHECK_FALSE(r.outcome.done());
    r.run_for(1500ms);
    CHECK(r.outcome.is(asio::error::timed_out));
  });
}
