#include "client.hpp"

#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>

namespace bench {

namespace {

using asio::use_awaitable;
using asio::ip::tcp;
using muxpro::session;
using muxpro::sub_stream;

const muxpro::open_request somewhere({muxpro::network::tcp, "127.0.0.1", 7});

}  // namespace

client::client(std::uint16_t port, std::uint64_t sessions, std::uint64_t streams) {
  const tcp::endpoint server(asio::ip::address_v4::loopback(), port);
  for (std::uint64_t i = 0; i < sessions; ++i) {
    tcp::socket socket(io);
    socket.connect(server);
    socket.set_option(tcp::no_delay(true));
    sessions_.emplace_back(std::move(socket), muxpro::role::client, options_for(streams));
    sessions_.back().async_run(asio::detached);
  }
}

asio::awaitable<sub_stream> visit(session& s, request what) {
  sub_stream stream = co_await s.async_open(somewhere);
  char byte = what;
  co_await asio::async_write(stream, asio::buffer(&byte, 1), use_awaitable);
  co_await asio::async_read(stream, asio::buffer(&byte, 1), use_awaitable);
  co_return stream;
}

asio::awaitable<void> transfer(session& s, std::uint64_t size, std::size_t chunk, std::uint64_t& sent) {
  sub_stream stream = co_await s.async_open(somewhere);
  std::array<char, 9> head{request::sink};
  std::memcpy(&head[1], &size, sizeof(size));
  co_await asio::async_write(stream, asio::buffer(head), use_awaitable);
  const std::vector<char> block(chunk, 'x');
  for (std::uint64_t left = size; left > 0;) {
    const std::size_t n = std::min<std::uint64_t>(chunk, left);
    co_await asio::async_write(stream, asio::buffer(block.data(), n), use_awaitable);
    left -= n;
    sent += n;
  }
  std::uint64_t taken = 0;
  co_await asio::async_read(stream, asio::buffer(&taken, sizeof(taken)), use_awaitable);
  if (taken != size) throw failure(fmt::format("the server took {} bytes of {}", taken, size));
  stream.close();
}

asio::awaitable<void> ping(session& s, steady::time_point end, samples& into, std::size_t most) {
  sub_stream stream = co_await s.async_open(somewhere);
  std::array<char, ping_size> message{};
  char byte = request::echo;
  co_await asio::async_write(stream, asio::buffer(&byte, 1), use_awaitable);
  for (auto begun = steady::now(); begun < end && into.size() < most;) {
    co_await asio::async_write(stream, asio::buffer(message), use_awaitable);
    co_await asio::async_read(stream, asio::buffer(message), use_awaitable);
    const auto now = steady::now();
    into.push_back(static_cast<std::uint32_t>((now - begun).count()));
    begun = now;
  }
  stream.close();
}

asio::awaitable<void> visit_again_and_again(session& s, visits& v) {
  while (v.begun < v.most && steady::now() < v.end) {
    ++v.begun;
    sub_stream stream = co_await visit(s, request::answer);
    stream.close();
    if (++v.done % std::max<std::uint64_t>(v.most / 10, 1) == 0) v.tenths.push_back(steady::now());
  }
}

void print_tenths(const visits& v, steady::time_point begin) {
  const std::uint64_t tenth = v.most / 10;
  for (std::size_t i = 0; i < v.tenths.size(); ++i) {
    const auto before = i == 0 ? begin : v.tenths[i - 1];
    const double took = std::chrono::duration<double>(v.tenths[i] - before).count();
    print_metric(fmt::format("streams_per_s_at_{}", (i + 1) * tenth), static_cast<double>(tenth) / took,
                 "1/s");
  }
}

namespace {

asio::awaitable<void> wait_for(double seconds) {
  asio::steady_timer timer(co_await asio::this_coro::executor, in_seconds(seconds));
  co_await timer.async_wait(use_awaitable);
}

// --- W1, W2

double transfer_all(client& c, const workload& w, std::uint64_t total) {
  const auto begin = steady::now();
  std::uint64_t sent = 0;
  team senders(c.io);
  for (std::uint64_t i = 0; i < w.streams; ++i)
    senders.start(transfer(c.session_for(i), total / w.streams, w.chunk, sent));
  senders.run();
  return seconds_since(begin);
}

void run_bulk(client& c, const workload& w) {
  constexpr std::uint64_t warm_up = 1 << 29;
  const double took = transfer_all(c, w, warm_up);
  const auto wanted = std::max(warm_up / took * w.seconds, w.least_gibibytes * (1 << 30));
  const std::uint64_t round = w.streams * w.chunk;
  const std::uint64_t total = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted) / round, 1) * round;
  const stopwatch watch(w.server_pid);
  transfer_all(c, w, total);
  watch.print_transfer(static_cast<double>(total));
}

// --- W3

void run_visits(client& c, const workload& w) {
  visits v;
  if (w.count)
    v.most = w.count;
  else
    v.end = steady::now() + in_seconds(w.seconds);
  const stopwatch watch(w.server_pid);
  const auto begin = steady::now();
  team visitors(c.io);
  for (std::uint64_t i = 0; i < w.streams; ++i) visitors.start(visit_again_and_again(c.session_for(0), v));
  visitors.run();
  watch.print_rate("streams_per_s", "cpu_us_per_stream", static_cast<double>(v.done));
  if (w.count) print_tenths(v, begin);
}

// --- W4

void run_pings(client& c, const workload& w) {
  std::vector<samples> each(w.streams);
  const stopwatch watch(w.server_pid);
  const auto end = steady::now() + in_seconds(w.seconds);
  team pingers(c.io);
  for (samples& s : each) {
    s.reserve(1 << 18);
    pingers.start(ping(c.session_for(0), end, s));
  }
  pingers.run();
  samples all;
  for (const samples& s : each) all.insert(all.end(), s.begin(), s.end());
  watch.print_rate("rt_per_s", "cpu_us_per_rt", static_cast<double>(all.size()));
  print_latencies(all);
}

// --- W5

/// Resident memory of both processes, once free memory has gone back to the system.
struct footprint {
  double client = 0, server = 0;
};

asio::awaitable<footprint> measure_footprint(session& s, int server_pid) {
  sub_stream stream = co_await visit(s, request::trim);
  stream.close();
  ::malloc_trim(0);
  co_await wait_for(0.3);
  const footprint f{resident(::getpid()), resident(server_pid)};
  co_return f;
}

asio::awaitable<void> stay_idle(session& s, workload w) {
  {
    sub_stream first = co_await visit(s, request::answer);
    first.close();
  }
  co_await wait_for(0.5);
  const footprint before = co_await measure_footprint(s, w.server_pid);
  std::vector<sub_stream> open;
  open.reserve(w.streams);
  const auto begin = steady::now();
  for (std::uint64_t i = 0; i < w.streams; ++i) {
    sub_stream stream = co_await visit(s, request::idle);
    open.push_back(std::move(stream));
  }
  print_metric("open_secs", seconds_since(begin), "s");
  co_await wait_for(1);
  const footprint after = co_await measure_footprint(s, w.server_pid);
  const auto n = static_cast<double>(w.streams);
  print_metric("base_client_rss", before.client / 1024, "KiB");
  print_metric("base_server_rss", before.server / 1024, "KiB");
  print_metric("client_B_per_stream", (after.client - before.client) / n, "B");
  print_metric("server_B_per_stream", (after.server - before.server) / n, "B");
}

void run_idle_streams(client& c, const workload& w) {
  team all(c.io);
  all.start(stay_idle(c.session_for(0), w));
  all.run();
}

// --- W7

asio::awaitable<void> ping_beside(session& s, double seconds, const std::uint64_t& sent) {
  co_await wait_for(0.5);
  const std::uint64_t sent_before = sent;
  const auto begin = steady::now();
  samples all;
  all.reserve(1 << 20);
  co_await ping(s, begin + in_seconds(seconds), all);
  const double took = seconds_since(begin);
  print_metric("bulk_MBps", static_cast<double>(sent - sent_before) / 1e6 / took, "MB/s");
  print_metric("rt_per_s", static_cast<double>(all.size()) / took, "1/s");
  print_latencies(all);
}

void run_bulk_and_ping(client& c, const workload& w) {
  constexpr std::uint64_t endless = std::uint64_t{1} << 50;
  std::uint64_t sent = 0;
  asio::co_spawn(c.io, transfer(c.session_for(0), endless, w.chunk, sent), asio::detached);
  team pinger(c.io);
  pinger.start(ping_beside(c.session_for(0), w.seconds, sent));
  pinger.run();
}

using runner = void (*)(client&, const workload&);

struct entry {
  runner run;
  std::uint64_t streams;
};

const std::map<std::string_view, entry> workloads{
    {"W1", {run_bulk, 1}},  {"W2", {run_bulk, 64}},           {"W3", {run_visits, 1}},
    {"W4", {run_pings, 1}}, {"W5", {run_idle_streams, 1000}}, {"W7", {run_bulk_and_ping, 1}}};

}  // namespace

int run_client(arguments& words) {
  const std::uint16_t port = words.port();
  const std::string_view name = words.word("the workload");
  const auto found = workloads.find(name);
  if (found == workloads.end())
    throw failure(fmt::format("'{}' is no workload; it is W1, W2, W3, W4, W5 or W7", name));
  words.read_values();
  workload w;
  w.streams = words.number("streams", found->second.streams, 1, 65000);
  w.chunk = words.number("chunk", 65536, 1, 1 << 30);
  w.count = words.number("count", 0, 10, 1'000'000'000);
  w.seconds = words.real("secs", 5);
  w.least_gibibytes = words.real("mingib", 4);
  w.server_pid = static_cast<int>(words.number("serverpid", 0, 1, 1 << 30));
  const auto sessions = words.number("sessions", 1, 1, 10'000);
  words.check_all_used();
  if (name == "W5" && w.server_pid == 0) throw failure("W5 needs serverpid=N");
  client c(port, sessions, w.streams / sessions);
  found->second.run(c, w);
  return 0;
}

}  // namespace bench
