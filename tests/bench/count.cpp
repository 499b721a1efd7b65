// Fixed amounts of work on a clock that stands still, so that two runs execute the same instructions.
#include "client.hpp"
#include "pair.hpp"
#include "proxied.hpp"
#include "routes.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/relay.hpp>
#include <muxpro/testing/manual_clock.hpp>

#include <fmt/format.h>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

namespace {

using asio::use_awaitable;

constexpr std::size_t chunk = 65536;
constexpr std::uint64_t bulk_size = 64 << 20;

/// Two sessions, and work that is done over them.
class scenario {
 public:
  scenario() : clock_(io), pair_(io, options()), team_(io) {
    asio::co_spawn(io, serve(pair_.server, chunk), asio::detached);
  }

  muxpro::session& client() { return pair_.client; }
  void start(asio::awaitable<void> work) { team_.start(std::move(work)); }
  void run() { team_.run(); }

  asio::io_context io{1};

 private:
  static muxpro::session_options options() {
    auto o = options_for(1000);
    o.random_seed = 1;
    return o;
  }

  muxpro::testing::manual_clock clock_;
  session_pair pair_;
  team team_;
};

void count_frames() {
  muxpro::new_stream opened;
  opened.id = 1;
  opened.target = {muxpro::network::tcp, "www.example.com", 443};
  std::array<std::byte, 5 * muxpro::max_encoded_header> wire{};
  for (int i = 0; i < 20'000; ++i) {
    const auto id = static_cast<muxpro::stream_id>(i + 1);
    std::size_t n = 0;
    const auto rest = [&] { return muxpro::bytes(wire).subspan(n); };
    n += muxpro::encode(opened, rest());
    n += muxpro::encode(muxpro::keep{id, 0, false}, rest());
    n += muxpro::encode(muxpro::credit_update{id, 32768}, rest());
    n += muxpro::encode(muxpro::end{id}, rest());
    n += muxpro::encode(muxpro::keep_alive{id}, rest());
    muxpro::decoder decoder;
    for (muxpro::const_bytes in = muxpro::const_bytes(wire).first(n); !in.empty();) {
      const auto step = decoder.next(in);
      if (step.error) throw failure(fmt::format("the decoder rejects a frame: {}", step.error.message()));
      in = in.subspan(step.consumed);
    }
  }
}

void count_bulk() {
  scenario s;
  std::uint64_t sent = 0;
  s.start(transfer(s.client(), bulk_size, chunk, sent));
  s.run();
}

void count_visits() {
  scenario s;
  visits v;
  v.most = 10'000;
  for (int i = 0; i < 64; ++i) s.start(visit_again_and_again(s.client(), v));
  s.run();
}

void count_pings() {
  scenario s;
  samples all;
  s.start(ping(s.client(), steady::time_point::max(), all, 10'000));
  s.run();
}

asio::awaitable<void> open_and_keep(muxpro::session& s, std::vector<muxpro::sub_stream>& into,
                                    std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    muxpro::sub_stream stream = co_await visit(s, request::idle);
    into.push_back(std::move(stream));
  }
}

void count_opens() {
  scenario s;
  std::vector<muxpro::sub_stream> open;
  s.start(open_and_keep(s.client(), open, 1000));
  s.run();
}

asio::awaitable<void> write_all(muxpro::pipe_end& to) {
  const std::vector<char> block(chunk, 'x');
  for (std::uint64_t left = bulk_size; left > 0; left -= chunk)
    co_await asio::async_write(to, asio::buffer(block), use_awaitable);
  co_await to.async_shutdown();
}

asio::awaitable<void> read_all(muxpro::pipe_end& from) {
  std::vector<char> block(chunk);
  error_code ec;
  std::uint64_t n = 0;
  while (!ec) n += co_await from.async_read_some(asio::buffer(block), or_error(ec));
  if (n != bulk_size) throw failure(fmt::format("{} bytes came of {}", n, bulk_size));
  co_await from.async_shutdown();
}

asio::awaitable<void> read_end(muxpro::pipe_end& from) {
  char none = 0;
  error_code ignored;
  co_await from.async_read_some(asio::buffer(&none, 1), or_error(ignored));
}

asio::awaitable<void> relay(muxpro::pipe_end& a, muxpro::pipe_end& b) { co_await muxpro::async_relay(a, b); }

void count_relay() {
  scenario s;
  auto [left, a] = muxpro::make_pipe(s.io.get_executor());
  auto [b, right] = muxpro::make_pipe(s.io.get_executor());
  s.start(relay(a, b));
  s.start(write_all(left));
  s.start(read_end(left));
  s.start(read_all(right));
  s.run();
}

using body = void (*)();
// No std::map: its nodes would be counted as allocations of every scenario.
constexpr std::pair<std::string_view, body> scenarios[] = {
    {"frames", count_frames},
    {"w1", count_bulk},
    {"w3", count_visits},
    {"w4", count_pings},
    {"opens", count_opens},
    {"relay", count_relay},
    {"routes", count_routes},
    {"echo", [] { count_echo(true); }},
    {"short", [] { count_short_connections(true); }},
    {"unsniffed-echo", [] { count_echo(false); }},
    {"unsniffed-short", [] { count_short_connections(false); }}};

}  // namespace

int run_count(arguments& words) {
  const std::string_view name = words.word("the scenario");
  const auto* const found = std::ranges::find(scenarios, name, &std::pair<std::string_view, body>::first);
  if (found == std::end(scenarios))
    throw failure(fmt::format("'{}' is no scenario; mux_bench --help lists them", name));
  words.read_values();
  words.check_all_used();
  found->second();
  return 0;
}

}  // namespace bench
