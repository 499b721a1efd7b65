#include "soak.hpp"

#include <muxpro/codec.hpp>

#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <array>
#include <vector>

namespace soak {

using namespace std::chrono_literals;

namespace {

using muxpro::stream_id;
using bytes = std::vector<std::byte>;

void add(bytes& to, const muxpro::frame& f) {
  const auto wire = muxpro::encoded(f);
  to.insert(to.end(), wire.begin(), wire.end());
}

void add_data(bytes& to, std::size_t n) { to.insert(to.end(), n, std::byte{'x'}); }

muxpro::new_stream open(const plan& p, stream_id id) {
  muxpro::new_stream f;
  f.id = id;
  f.target = {muxpro::network::tcp, "127.0.0.1", p.tcp_echo};
  return f;
}

muxpro::end abort_of(stream_id id) {
  muxpro::end f;
  f.id = id;
  f.code = muxpro::end_code::remote_disconnect;
  return f;
}

enum class kind {
  rapid_reset,
  empty_frames,
  credit_flood,
  unknown_ids,
  keep_alives,
  tiny_frames,
  never_reading,
  silent,
  dead_names,
  hoarding,
  crowd
};
constexpr int kinds = 11;

muxpro::new_stream open_dead_name(stream_id id, std::uint32_t n) {
  muxpro::new_stream f;
  f.id = id;
  f.target = {muxpro::network::tcp, fmt::format("name-{}.example.invalid", n), 80};
  return f;
}

/// Fills the first window of a sub-stream whose target does not read.
void add_hoard(bytes& to, const plan& p, stream_id id) {
  constexpr std::uint16_t piece = 16'384;
  muxpro::new_stream f = open(p, id);
  f.target.port = p.tcp_deaf;
  add(to, f);
  for (int i = 0; i < 4; ++i) {
    add(to, muxpro::keep{id, piece, false});
    add_data(to, piece);
  }
}

/// A batch of hostile frames, the n-th one.
bytes batch(kind k, const plan& p, std::uint32_t n) {
  bytes wire;
  const bool opens_one = k != kind::rapid_reset && k != kind::unknown_ids && k < kind::dead_names;
  if (n == 0 && opens_one) add(wire, open(p, 1));
  if (k == kind::hoarding && n < 400) add_hoard(wire, p, static_cast<stream_id>(1 + n));
  for (std::uint32_t i = 0; i < 200; ++i) {
    const auto id = static_cast<stream_id>(1 + (n * 200 + i) % 65535);
    switch (k) {
      case kind::rapid_reset:
        add(wire, open(p, id));
        add(wire, abort_of(id));
        break;
      case kind::empty_frames: add(wire, muxpro::keep{1, 0, false}); break;
      case kind::credit_flood: add(wire, muxpro::credit_update{1, 1}); break;
      case kind::unknown_ids:
        add(wire, muxpro::keep{id, 1, false});
        add_data(wire, 1);
        break;
      case kind::keep_alives: add(wire, muxpro::keep_alive{id}); break;
      case kind::tiny_frames:
      case kind::never_reading:
        if (n * 200 + i >= 60'000) break;
        add(wire, muxpro::keep{1, 1, false});
        add_data(wire, 1);
        break;
      case kind::dead_names:
        if (i < 3) add(wire, open_dead_name(id, n * 200 + i));
        break;
      case kind::silent:
      case kind::hoarding:
      case kind::crowd: break;
    }
  }
  return wire;
}

asio::awaitable<tcp::socket> connect(const plan& p, error_code& ec) {
  tcp::socket s(co_await asio::this_coro::executor);
  s.open(tcp::v4());
  s.bind({hostile_source, 0});
  co_await s.async_connect(p.server, or_error(ec));
  co_return s;
}

// Half a megabyte a second at most: a flood that also reaches the good clients' own processor would prove
// nothing.
asio::awaitable<void> attack(const plan& p, kind k, const std::atomic<bool>& on, counters& c) {
  const auto executor = co_await asio::this_coro::executor;
  error_code ec;
  std::vector<tcp::socket> silent;
  for (int i = 0; k == kind::crowd && i < 1'200; ++i) silent.push_back(co_await connect(p, ec));
  tcp::socket s = co_await connect(p, ec);
  if (ec) co_return;
  muxpro::negotiate_version request{muxpro::dialect::spec, {muxpro::version_0_0}};
  const bytes hello = muxpro::encoded(request);
  if (k != kind::silent) co_await asio::async_write(s, asio::buffer(hello), or_error(ec));
  std::array<char, 13> answer{};
  if (k != kind::silent && !ec) co_await asio::async_read(s, asio::buffer(answer), or_error(ec));
  ++c.attacks;
  asio::steady_timer timer(executor);
  const auto end = std::chrono::steady_clock::now() + 3s;
  for (std::uint32_t n = 0; on && !ec && std::chrono::steady_clock::now() < end; ++n) {
    const bytes wire = batch(k, p, n);
    co_await asio::async_write(s, asio::buffer(wire), or_error(ec));
    timer.expires_after(5ms);
    error_code ignored;
    co_await timer.async_wait(or_error(ignored));
  }
  if (ec) ++c.repelled;
}

}  // namespace

asio::awaitable<void> attacker(const plan& p, counters& c, const std::atomic<bool>& on,
                               const std::atomic<bool>& stop) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int n = 0; !stop; ++n) {
    if (on) co_await attack(p, static_cast<kind>(n % kinds), on, c);
    timer.expires_after(20ms);
    error_code ignored;
    co_await timer.async_wait(or_error(ignored));
  }
}

}  // namespace soak
