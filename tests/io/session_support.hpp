// What the tests of sessions share: two sessions over a pipe, a session against a scripted peer, an echo
// service, coroutines under a manual clock.
#pragma once

#include "catch.hpp"
#include "support.hpp"

#include <muxpro/pipe.hpp>
#include <muxpro/session.hpp>
#include <muxpro/sub_datagram.hpp>
#include <muxpro/testing/faulty_stream.hpp>
#include <muxpro/testing/hex.hpp>
#include <muxpro/testing/manual_clock.hpp>
#include <muxpro/testing/scripted_peer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace io_test {

using namespace muxpro;
using namespace std::chrono_literals;
using muxpro::testing::fault;
using muxpro::testing::fault_options;
using muxpro::testing::faulty_stream;
using muxpro::testing::manual_clock;
using muxpro::testing::scripted_peer;
using test::as_result;
using test::byte_string;
using test::pattern;
using test::run;
using test::to_bytes;
using test::to_text;

template <class T = void>
using awaitable = asio::awaitable<T>;

/// How a session came to its end; empty while it runs.
using fate = std::shared_ptr<std::optional<error_code>>;

fate run_in_background(session& s);

/// Spawns `work`; an exception that leaves it leaves the context's run(), so that the test fails.
void spawn(const asio::any_io_executor& executor, awaitable<> work);
inline void spawn(asio::io_context& context, awaitable<> work) {
  spawn(context.get_executor(), std::move(work));
}

/// Where a completion handler leaves its result.
struct completion {
  int times = 0;
  error_code error;
  std::size_t n = 0;
};

/// Shared with its handler, which may outlive the test.
class expected_completion {
 public:
  /// The handler of any operation; a sub_stream that comes is destroyed.
  auto handler() const {
    return [c = state_](error_code error, const auto&... rest) {
      ++c->times;
      c->error = error;
      if constexpr (sizeof...(rest) == 1) {
        if constexpr ((std::is_convertible_v<decltype(rest), std::size_t> && ...)) c->n = (rest + ...);
      }
    };
  }
  bool done() const { return state_->times == 1; }
  error_code error() const { return state_->error; }
  std::size_t n() const { return state_->n; }

 private:
  std::shared_ptr<completion> state_ = std::make_shared<completion>();
};

// --- time

/// Runs `work` to its end on a manual clock: time jumps to the next wake-up whenever nothing else is to do.
/// Throws if it does not end within `at_most` of that time.
void run(manual_clock& clock, asio::io_context& context, awaitable<> work, duration at_most = 1h);

/// Runs everything that is ready and lets no time pass.
inline void settle(manual_clock& clock, asio::io_context& context) { clock.run_for(context, 0s); }

/// Waits on the context's clock.
awaitable<> sleep_for(duration how_long);

/// Lets everything run that is ready now, and what that makes ready, a few times over.
awaitable<> yield(int times = 50);

// --- requests and frames

open_request to_tcp(std::uint8_t priority = 0);
open_request to_udp();
open_request with_data(std::string_view first_data);

frame new_tcp(stream_id id, std::uint8_t priority = 0);
frame new_udp(stream_id id, std::optional<global_id> source = {});
frame data_frame(stream_id id, std::size_t size);
frame end_of(stream_id id, end_code code = end_code::graceful);
frame credit_for(stream_id id, std::uint32_t increment);

/// What a peer sent, as text: "new 1", "keep 1 +5", "end 1 code 3", "credit 1 32768", "keep_alive".
std::string words(const muxpro::testing::received_frame& f);
/// The next frame as text.
awaitable<std::string> next_words(scripted_peer& peer);

// --- sessions

/// A session of each role over a pipe, both running.
struct session_pair {
  explicit session_pair(asio::io_context& context, session_options both = {}, std::size_t capacity = 65536);
  session_pair(asio::io_context& context, session_options c, session_options s, std::size_t capacity = 65536);
  session_pair(session c, session s);

  session client, server;
  fate client_fate, server_fate;
};

using asio::ip::tcp;
using local = asio::local::stream_protocol;
/// Two connected sockets over the loopback.
std::pair<tcp::socket, tcp::socket> tcp_pair(asio::io_context& context);
std::pair<local::socket, local::socket> local_pair(asio::io_context& context);

/// A running session against a scripted peer. agree() comes first.
struct scripted_session {
  scripted_session(asio::io_context& context, role side, session_options options = {},
                   std::size_t capacity = 1 << 20);

  /// Plays the peer's part of the negotiation.
  awaitable<> agree(version v = version_0_1, dialect layout = dialect::spec);

  std::pair<pipe_end, pipe_end> wire;
  scripted_peer peer;
  session subject;
  muxpro::role side;
  io_test::fate fate;
};

/// A client's sub-stream whose New the peer has seen. The negotiation comes first.
awaitable<sub_stream> opened(scripted_session& s, version v = version_0_1, dialect layout = dialect::spec);

/// Without keep-alives.
session_options quiet();

/// Runs `work` with a session against a scripted peer, on a manual clock.
void with_script(role side, const std::function<awaitable<>(scripted_session&)>& work,
                 session_options options = {}, std::size_t capacity = 1 << 20, duration at_most = 1h);

/// A client's and a server's end of the same sub-stream.
struct stream_pair {
  stream_pair() = default;
  sub_stream client, server;
};
awaitable<stream_pair> open_pair(session_pair& p, open_request request = to_tcp());

/// Runs `work` with a session of each role over a pipe.
void with_pair(awaitable<> (*work)(session_pair&), session_options both = {});

// --- services

/// Sends back what comes, half-closes when the peer has.
awaitable<> echo(sub_stream s, std::size_t buffer_size = 16 * 1024);
/// Reads to the end, sends nothing but End.
awaitable<> discard(sub_stream s);

using service = std::function<awaitable<>(sub_stream)>;
/// Accepts until the session is closed, and hands each sub-stream to `what`.
awaitable<> serve(session& server, service what);
inline awaitable<> serve_echo(session& server) {
  return serve(server, [](sub_stream s) { return echo(std::move(s)); });
}

/// Reads until an error; returns what came and the error.
struct read_result {
  read_result() = default;
  byte_string data;
  error_code error;
  std::string text() const { return to_text(data); }
};
awaitable<read_result> read_all(sub_stream& s);
/// Exactly `n` bytes.
awaitable<std::string> read_text(sub_stream& s, std::size_t n);
awaitable<> write_text(sub_stream& s, std::string_view text);

}  // namespace io_test
