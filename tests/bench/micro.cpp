// The parts, one at a time: codec, WebSocket's mask, scheduler, semaphore, pipe, relay. Flags are those of
// Google Benchmark.
#include "proxy/websocket/frame.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/detail/write_queue.hpp>
#include <muxpro/pipe.hpp>
#include <muxpro/relay.hpp>
#include <muxpro/semaphore.hpp>

#include <benchmark/benchmark.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <utility>
#include <vector>

namespace {

using asio::use_awaitable;
using benchmark::State;
using std::error_code;

// --- codec

void encode_keep(State& state) {
  std::array<std::byte, muxpro::max_encoded_header> wire{};
  std::uint16_t size = 0;
  for (auto _ : state) benchmark::DoNotOptimize(muxpro::encode(muxpro::keep{1, ++size, false}, wire));
}
BENCHMARK(encode_keep);

void encode_new(State& state) {
  std::array<std::byte, muxpro::max_encoded_header> wire{};
  muxpro::new_stream f;
  f.id = 1;
  f.target = {muxpro::network::tcp, "www.example.com", 443};
  for (auto _ : state) benchmark::DoNotOptimize(muxpro::encode(f, wire));
}
BENCHMARK(encode_new);

/// Frames of so many bytes in 64 KiB of wire.
void decode_keep(State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::vector<std::byte> payload(size);
  std::vector<std::byte> wire;
  std::int64_t frames = 0;
  for (; wire.size() < 65536; ++frames) {
    const auto frame = muxpro::encoded(muxpro::keep{1, static_cast<std::uint16_t>(size), false}, payload);
    wire.insert(wire.end(), frame.begin(), frame.end());
  }
  muxpro::decoder decoder;
  for (auto _ : state) {
    for (muxpro::const_bytes in = wire; !in.empty();) in = in.subspan(decoder.next(in).consumed);
  }
  state.SetItemsProcessed(state.iterations() * frames);
}
BENCHMARK(decode_keep)->Arg(1)->Arg(64)->Arg(1024)->Arg(16384);

// --- WebSocket

/// Masks payloads of so many bytes in their places.
void apply_mask(State& state) {
  std::vector<std::byte> payload(static_cast<std::size_t>(state.range(0)));
  const muxpro::proxy::websocket_mask mask{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  for (auto _ : state) {
    muxpro::proxy::apply_mask(payload.data(), payload, mask, 0);
    benchmark::DoNotOptimize(payload.data());
    benchmark::ClobberMemory();
  }
  const auto bytes = static_cast<double>(state.iterations() * state.range(0));
  state.counters["GB"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsRate);
}
BENCHMARK(apply_mask)->Arg(8192);

// --- scheduler

struct source : muxpro::detail::write_queue::source {
  explicit source(std::uint8_t p) { priority = p; }
};

/// Frames of 16 KiB of a saturated link, over so many sub-streams and priorities.
void schedule(State& state) {
  muxpro::detail::write_queue queue;
  std::deque<source> all;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    all.emplace_back(static_cast<std::uint8_t>(i % state.range(1)));
    queue.push_data(all.back());
  }
  for (auto _ : state) {
    auto* const next = queue.pop_data();
    queue.charge(*next, 16 * 1024);
    queue.push_data(*next);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(schedule)->Args({1, 1})->Args({64, 1})->Args({64, 4})->Args({4096, 1})->Args({4096, 4});

// --- waiting

/// Runs `work` to its end.
void run(asio::io_context& io, asio::awaitable<void> work) {
  asio::co_spawn(io, std::move(work), [](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  });
  io.restart();
  io.run();
}

void semaphore_try(State& state) {
  asio::io_context io(1);
  muxpro::semaphore s(io.get_executor(), 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(s.try_acquire(1));
    s.release();
  }
}
BENCHMARK(semaphore_try);

asio::awaitable<void> acquire(muxpro::semaphore& s, std::int64_t times) {
  for (; times > 0; --times) co_await s.async_acquire(1);
}

asio::awaitable<void> release(muxpro::semaphore& s, std::int64_t times) {
  const auto executor = co_await asio::this_coro::executor;
  for (; times > 0; --times) {
    s.release();
    co_await asio::post(executor, use_awaitable);
  }
}

/// One coroutine that waits for what another one releases.
void semaphore_wait(State& state) {
  constexpr std::int64_t times = 1000;
  asio::io_context io(1);
  muxpro::semaphore s(io.get_executor());
  for (auto _ : state) {
    asio::co_spawn(io, acquire(s, times), [](std::exception_ptr) {});
    run(io, release(s, times));
  }
  state.SetItemsProcessed(state.iterations() * times);
}
BENCHMARK(semaphore_wait);

// --- pipe and relay

constexpr std::size_t transfer = 4 << 20;

asio::awaitable<void> write_all(muxpro::pipe_end& to, std::size_t chunk) {
  const std::vector<char> block(chunk, 'x');
  for (std::size_t left = transfer; left > 0; left -= chunk)
    co_await asio::async_write(to, asio::buffer(block), use_awaitable);
}

asio::awaitable<void> read_all(muxpro::pipe_end& from, std::size_t chunk) {
  std::vector<char> block(chunk);
  for (std::size_t left = transfer; left > 0;)
    left -= co_await from.async_read_some(asio::buffer(block), use_awaitable);
}

/// Writes and reads of so many bytes.
void pipe_bytes(State& state) {
  const auto chunk = static_cast<std::size_t>(state.range(0));
  asio::io_context io(1);
  auto [a, b] = muxpro::make_pipe(io.get_executor());
  for (auto _ : state) {
    asio::co_spawn(io, write_all(a, chunk), [](std::exception_ptr) {});
    run(io, read_all(b, chunk));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(transfer));
}
BENCHMARK(pipe_bytes)->Arg(64)->Arg(4096)->Arg(65536);

asio::awaitable<void> send_and_end(muxpro::pipe_end& to, std::size_t chunk) {
  co_await write_all(to, chunk);
  co_await to.async_shutdown();
}

asio::awaitable<void> receive_and_end(muxpro::pipe_end& from, std::size_t chunk) {
  co_await read_all(from, chunk);
  co_await from.async_shutdown();
}

asio::awaitable<void> relay(muxpro::pipe_end& a, muxpro::pipe_end& b) { co_await muxpro::async_relay(a, b); }

/// A relay between two pipes, from its start to its end, with writes of so many bytes.
void relay_bytes(State& state) {
  const auto chunk = static_cast<std::size_t>(state.range(0));
  asio::io_context io(1);
  for (auto _ : state) {
    auto [left, a] = muxpro::make_pipe(io.get_executor());
    auto [b, right] = muxpro::make_pipe(io.get_executor());
    asio::co_spawn(io, send_and_end(left, chunk), [](std::exception_ptr) {});
    asio::co_spawn(io, receive_and_end(right, chunk), [](std::exception_ptr) {});
    run(io, relay(a, b));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(transfer));
}
BENCHMARK(relay_bytes)->Arg(64)->Arg(4096)->Arg(65536);

}  // namespace

BENCHMARK_MAIN();
