// What a relay does with the first bytes of side b: a head that does not go on, and early bytes that wait.
#include "relay_support.hpp"

#include <asio/detached.hpp>

#include <memory>
#include <string>

namespace io_test {
namespace {

/// A head is "(...)".
relay_options with_head(std::shared_ptr<int> calls = std::make_shared<int>()) {
  relay_options options;
  options.head_of_b = [calls](std::span<const std::byte> in, error_code& ec) -> std::size_t {
    ++*calls;
    if (in.front() != std::byte{'('}) ec = errc::bad_answer;
    for (std::size_t i = 0; i < in.size(); ++i)
      if (in[i] == std::byte{')'}) return i + 1;
    return 0;
  };
  return options;
}

relay_options with_waiting(std::string_view text) {
  relay_options options;
  const byte_string bytes = test::to_bytes(text);
  options.early_of_b = bytes;
  options.early_of_b_waits = true;
  return options;
}

void send(relayed& r, pipe_end& from, std::string text) {
  asio::co_spawn(
      r.context,
      [](pipe_end& to, std::string what) -> awaitable<> {
        co_await asio::async_write(to, asio::buffer(what), as_result);
      }(from, std::move(text)),
      asio::detached);
  r.run_ready();
}

/// What the peer gets of what comes at once.
std::string heard(relayed& r, pipe_end& at) {
  std::string out(100, ' ');
  std::size_t n = 0;
  asio::cancellation_signal stop;
  at.async_read_some(asio::buffer(out), asio::bind_cancellation_slot(
                                            stop.slot(), [&n](error_code, std::size_t got) { n = got; }));
  r.run_ready();
  stop.emit(asio::cancellation_type::terminal);
  r.run_ready();
  return out.substr(0, n);
}

TEST_CASE("relay: a head of b does not go to a, however it is cut", "[relay][beginning]") {
  const std::string whole = "(head)data";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    relayed r;
    const auto calls = std::make_shared<int>();
    r.start(with_head(calls));
    send(r, r.server, whole.substr(0, cut));
    CHECK(heard(r, r.client) == (cut > 6 ? whole.substr(6, cut - 6) : ""));
    CHECK(r.passes(r.client, r.server, "up"));
    send(r, r.server, whole.substr(cut));
    CHECK(heard(r, r.client) == whole.substr(std::max<std::size_t>(cut, 6)));
    CHECK(*calls == (cut == 0 || cut >= 6 ? 1 : 2));
    r.shut_down(r.server);
    CHECK(r.end_of(r.client) == eof);
    r.shut_down(r.client);
    CHECK(r.outcome.is({}));
    CHECK(r.outcome.result.b_to_a == 4);
  }
}

TEST_CASE("relay: EOF in front of a head is EOF, inside of it is a loss", "[relay][beginning]") {
  const std::string part = GENERATE("", "(", "(head");
  relayed r;
  r.start(with_head());
  send(r, r.server, part);
  r.shut_down(r.server);
  CHECK(r.end_of(r.client) == (part.empty() ? eof : reset));
  r.shut_down(r.client);
  CHECK(r.outcome.is(part.empty() ? error_code() : make_error_code(errc::connection_lost)));
}

TEST_CASE("relay: a wrong head is a read that has failed", "[relay][beginning]") {
  relayed r;
  r.start(with_head());
  send(r, r.server, "HTTP");
  CHECK(r.end_of(r.client) == reset);
  r.client.close();
  r.run_ready();
  CHECK(r.outcome.is(errc::bad_answer));
}

TEST_CASE("relay: early bytes that wait go with the first bytes", "[relay][beginning]") {
  relayed r;
  r.start(with_waiting("reply "));
  r.run_ready();
  CHECK(heard(r, r.client).empty());
  CHECK(r.passes(r.client, r.server, "up"));
  send(r, r.server, "data");
  CHECK(heard(r, r.client) == "reply data");
  CHECK(r.passes(r.server, r.client, "more"));
}

TEST_CASE("relay: early bytes that wait go in front of EOF", "[relay][beginning]") {
  relayed r;
  r.start(with_waiting("reply"));
  r.shut_down(r.server);
  CHECK(r.end_of(r.client, "reply") == eof);
  r.shut_down(r.client);
  CHECK(r.outcome.is({}));
}

TEST_CASE("relay: early bytes wait for what is behind a head", "[relay][beginning]") {
  relayed r;
  relay_options options = with_head();
  const byte_string reply = test::to_bytes("reply ");
  options.early_of_b = reply;
  options.early_of_b_waits = true;
  r.start(options);
  send(r, r.server, "(head)");
  CHECK(heard(r, r.client).empty());
  send(r, r.server, "data");
  CHECK(heard(r, r.client) == "reply data");
}

TEST_CASE("relay: a failure while the first bytes are awaited", "[relay][beginning]") {
  relayed r;
  r.start(with_waiting("reply"));
  send(r, r.client, "up");
  SECTION("of b") {
    r.server.reset();
    r.run_ready();
    CHECK(r.end_of(r.client) == reset);
    r.client.close();
    r.run_ready();
    CHECK(r.outcome.is(reset));
  }
  SECTION("by cancellation") {
    r.stop.emit(asio::cancellation_type::terminal);
    r.run_ready();
    CHECK(r.outcome.is(asio::error::operation_aborted));
  }
  SECTION("by the limit") {
    r.advance(std::chrono::minutes(10));
    CHECK(r.outcome.is(asio::error::timed_out));
  }
}

TEST_CASE("relay: much behind a head arrives whole", "[relay][beginning]") {
  relayed r;
  byte_string much = test::to_bytes("(head)");
  const byte_string data = test::pattern(1 << 20);
  much.insert(much.end(), data.begin(), data.end());
  peer_script client, server(much);
  play(r.client, client);
  play(r.server, server);
  r.start(with_head());
  r.run_ready();
  CHECK(client.got.error == eof);
  CHECK(client.got.data == data);
  CHECK(r.outcome.is({}));
}

}  // namespace
}  // namespace io_test
