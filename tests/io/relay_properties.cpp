// Relays under random interleavings: what is accepted of a sender that ends in order arrives, then EOF; what
// is accepted of one that is reset arrives, then an error.
#include "relay_support.hpp"

#include <random>

using namespace io_test;

namespace {

using dice = std::mt19937_64;

enum class ending { finishes, leaves, resets };

std::size_t up_to(dice& d, std::size_t most) { return static_cast<std::size_t>(d() % (most + 1)); }

/// Writes everything, then ends: by EOF, by EOF and a close soon after it, or by a reset. Reads until its
/// stream ends.
struct random_peer {
  random_peer(dice& d, std::byte tag) : how(static_cast<ending>(up_to(d, 2))) {
    to_send.resize(up_to(d, 1) ? up_to(d, 4000) : up_to(d, 100));
    for (std::size_t i = 0; i < to_send.size(); ++i) to_send[i] = tag ^ static_cast<std::byte>(i * 7 & 255);
    slow = up_to(d, 6);
    at_once = 1 + up_to(d, 700);
  }
  bool stays() const { return how == ending::finishes; }

  ending how;
  byte_string to_send;
  std::size_t slow, at_once;
  std::size_t accepted = 0;
  bool ended = false;  ///< by itself, as it meant to
  read_result got;
  bool read_to_end = false;
};

awaitable<> idle_turns(asio::any_io_executor executor, std::size_t n) {
  for (; n > 0; --n) co_await asio::post(executor, asio::use_awaitable);
}

awaitable<> write_randomly(pipe_end& s, random_peer& p, dice& d) {
  while (p.accepted < p.to_send.size()) {
    const std::size_t n = std::min(1 + up_to(d, p.at_once), p.to_send.size() - p.accepted);
    const auto [error, m] =
        co_await s.async_write_some(asio::buffer(p.to_send.data() + p.accepted, n), as_result);
    p.accepted += m;
    if (error) co_return;
    co_await idle_turns(s.get_executor(), up_to(d, p.slow));
  }
  if (p.how == ending::resets) {
    p.ended = true;
    s.reset();
    co_return;
  }
  const auto [error] = co_await s.async_shutdown(as_result);
  p.ended = !error;
  if (p.how == ending::finishes) co_return;
  co_await idle_turns(s.get_executor(), up_to(d, 40));
  s.close();
}

awaitable<> read_randomly(pipe_end& s, random_peer& p, dice& d) {
  byte_string room(p.at_once);
  while (!p.read_to_end) {
    co_await idle_turns(s.get_executor(), up_to(d, p.slow));
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    p.got.data.insert(p.got.data.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n));
    p.got.error = error;
    p.read_to_end = static_cast<bool>(error);
  }
}

/// What arrived at `to`.
void check(const random_peer& from, const random_peer& to) {
  REQUIRE(to.got.data.size() <= from.accepted);
  REQUIRE(std::equal(to.got.data.begin(), to.got.data.end(), from.to_send.begin()));
  if (!to.stays()) return;
  REQUIRE(to.read_to_end);
  if (from.ended) REQUIRE(to.got.data.size() == from.accepted);
  REQUIRE((to.got.error == eof) == (from.ended && from.how != ending::resets));
}

std::shared_ptr<fault> short_operations(dice& d) {
  auto faults = std::make_shared<fault>();
  faults->options.seed = d();
  faults->options.read.max_size = faults->options.write.max_size = 1 + up_to(d, 900);
  return faults;
}

}  // namespace

TEST_CASE("what a relay has accepted arrives, however the other direction ends", "[relay][property]") {
  const bool chained = GENERATE(false, true);
  for (std::uint64_t seed = 1; seed <= steps(1500); ++seed) {
    INFO("seed " << seed << (chained ? ", two relays and a pipe" : ""));
    dice d(seed);
    relayed r(up_to(d, 300), short_operations(d));
    relay_options options;
    options.buffer = 1 + up_to(d, 5000);
    std::pair<pipe_end, pipe_end> middle;
    relay_outcome second;
    if (chained) {
      middle = make_pipe(r.context.get_executor(), up_to(d, 300));
      async_relay(*r.a, middle.first, options, keep_relay_outcome{&r.outcome});
      async_relay(middle.second, *r.b, options, keep_relay_outcome{&second});
    } else {
      r.start(options);
    }
    random_peer client(d, std::byte{1}), server(d, std::byte{2});
    spawn(r.context, write_randomly(r.client, client, d));
    spawn(r.context, read_randomly(r.client, client, d));
    spawn(r.context, write_randomly(r.server, server, d));
    spawn(r.context, read_randomly(r.server, server, d));
    r.run_ready();
    check(client, server);
    check(server, client);
    r.advance(60s);
    REQUIRE(r.outcome.calls == 1);
    REQUIRE((!chained || second.calls == 1));
  }
}
