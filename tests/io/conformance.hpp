// A session under the conformance cases: an application that does what the targets of the cases do, and a
// peer that delivers bytes in three ways. New(port) of the cases selects what the application does with the
// sub-stream.
#pragma once

#include "robustness.hpp"

#include <list>

namespace io_test {

/// What stands behind the ports of the cases.
enum class target : std::uint16_t {
  refuses = 1,
  echo = 7007,
  sink = 7008,    // reads nothing
  source = 7009,  // writes without end
  resets = 7010,
  counts = 7011,  // reads to the end, answers how many bytes
  says_bye = 7012,
  slow = 7014,  // as counts, 1000 bytes at a time
};

inline awaitable<> write_without_end(sub_stream& s) {
  const byte_string zeros(10'000);
  for (;;) {
    const auto [error, n] = co_await s.async_write_some(asio::buffer(zeros), as_result);
    if (error) co_return;
  }
}

inline awaitable<> count_bytes(sub_stream& s, std::size_t at_once) {
  byte_string buffer(at_once);
  std::size_t total = 0;
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(buffer), as_result);
    total += n;
    if (error == asio::error::eof) break;
    if (error) co_return;
  }
  const std::string answer = std::to_string(total);
  co_await asio::async_write(s, asio::buffer(answer), as_result);
  co_await s.async_shutdown(as_result);
}

inline awaitable<> say_bye(sub_stream& s) {
  co_await asio::async_write(s, asio::buffer("bye", 3), as_result);
  co_await s.async_shutdown(as_result);
  co_await read_all(s);
}

/// The application under test. Sub-streams that it only holds die with it.
struct application {
  std::list<sub_stream> held;

  static awaitable<> be(application& app, sub_stream s) {
    const destination& d = s.target();
    if (d.host.domain() == "blocked.test") co_return s.reset(end_code::rejected);
    if (d.host.domain() == "nx.invalid") co_return s.reset(end_code::unreachable);
    if (d.host == address("192.0.2.1")) co_return s.reset(end_code::timeout);
    const auto what = static_cast<target>(d.port);
    if (what == target::refuses) co_return s.reset(end_code::unreachable);
    if (what == target::resets) co_return s.reset(end_code::remote_disconnect);
    if (what == target::echo) co_await echo(std::move(s));
    if (what == target::source) co_await write_without_end(s);
    if (what == target::counts) co_await count_bytes(s, 65536);
    if (what == target::slow) co_await count_bytes(s, 1000);
    if (what == target::says_bye) co_await say_bye(s);
    if (what == target::sink) app.held.push_back(std::move(s));
  }
};

/// A session of one role that runs its application, and the raw peer; the context runs inside the calls.
struct subject {
  explicit subject(role side, session_options options = {}) : side_(side) {
    auto [a, b] = make_pipe(context.get_executor(), 1 << 22);
    s = session(std::move(b), side, std::move(options));
    peer.emplace(context, std::move(a));
    fate = run_in_background(s);
    if (side == role::server)
      spawn(context, serve(s, [this](sub_stream x) { return application::be(app, std::move(x)); }));
    run_ready(context);
  }
  ~subject() {
    s.close();
    app.held.clear();
    run_ready(context);
  }

  /// The negotiation of NEG-01; everything after it is the case's.
  void negotiate(const char* hello = hello_0_0) {
    if (side_ == role::client) peer->take();
    peer->write(hello);
    if (side_ == role::server) REQUIRE(peer->take() == from_hex(hello));
  }

  /// Client: opens a sub-stream to a target of the cases.
  void open(target t) {
    outcome o;
    s.async_open(open_request(destination(network::tcp, "127.0.0.1", static_cast<std::uint16_t>(t))),
                 into(o));
    run_ready(context);
    REQUIRE(o.is({}));
    spawn(context, application::be(app, std::move(o.stream)));
    run_ready(context);
  }

  bool alive() const { return !*fate && !peer->ended(); }

  asio::io_context context;
  manual_clock clock{context};
  application app;
  session s;
  std::optional<raw_peer> peer;
  io_test::fate fate;

 private:
  role side_;
};

enum class delivery { whole, byte_by_byte, with_probe };
inline constexpr delivery all_deliveries[] = {delivery::whole, delivery::byte_by_byte, delivery::with_probe};

/// New(0x7ffe) to echo with four bytes; toward a client Keep(2), of an echoing sub-stream that it has opened.
inline constexpr const char* probe_of_server = "000d 7ffe 01 01 01 00 1b5f 01 7f000001 0004 70696e67";
inline constexpr const char* probe_of_client = "0004 0002 02 01 0004 70696e67";

inline void deliver(subject& x, const byte_string& input, const char* probe, delivery how) {
  byte_string all = input;
  const byte_string tail = from_hex(probe);
  if (how == delivery::byte_by_byte) {
    x.peer->write_each_byte(input);
  } else {
    if (how == delivery::with_probe) all.insert(all.end(), tail.begin(), tail.end());
    x.peer->write(all);
  }
  if (how != delivery::with_probe) x.peer->write(tail);
}

/// `expected` is a summary() without the probe's answer, or "SESSION".
inline void check_reaction(subject& x, const std::string& expected, const std::string& probe_answer) {
  const std::string got = summary(x.peer->take());
  if (expected != "SESSION") {
    CHECK(got == (expected.empty() ? probe_answer : expected + "; " + probe_answer));
    CHECK(x.alive());
    return;
  }
  CHECK(got.find("ping") == std::string::npos);
  CHECK(x.peer->ended() == asio::error::connection_reset);
  REQUIRE(*x.fate);
  CHECK((*x.fate)->category() == error_category());
  CHECK(x.s.stats().streams == 0);
  CHECK(x.s.stats().unread == 0);
}

struct frame_case {
  const char* id;
  std::string input;
  const char* expected;
};

inline void check_at_server(const frame_case& c, const byte_string& input, const char* hello = hello_0_0) {
  for (const delivery how : all_deliveries) {
    CAPTURE(c.id, static_cast<int>(how));
    subject x(role::server);
    x.negotiate(hello);
    deliver(x, input, probe_of_server, how);
    check_reaction(x, c.expected, "32766 \"ping\"");
  }
}

/// The case without its New: the session under test has opened sub-stream 1 itself.
inline void check_at_client(const frame_case& c) {
  const std::string new_head = "000d0001010001001b";
  for (const delivery how : all_deliveries) {
    CAPTURE(c.id, static_cast<int>(how));
    subject x(role::client);
    x.negotiate();
    byte_string input = from_hex(c.input);
    target t = target::echo;
    if (c.input.starts_with(new_head)) {
      t = static_cast<target>(std::to_integer<unsigned>(input[8]) * 256 +
                              std::to_integer<unsigned>(input[9]));
      input.erase(input.begin(), input.begin() + 15);
    }
    x.open(t);
    x.open(target::echo);
    deliver(x, input, probe_of_client, how);
    check_reaction(x, c.expected, "2 \"ping\"");
  }
}

}  // namespace io_test
