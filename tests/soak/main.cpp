// muxpro_soak SERVER-PROGRAM [seconds]: a server under load and attack; what it costs and whether it
// recovers.
#include "server_process.hpp"
#include "soak.hpp"

#include <fmt/format.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace std::chrono_literals;
using soak::server_process;
using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point begun) {
  return std::chrono::duration<double>(steady_clock::now() - begun).count();
}

double percentile(const std::vector<std::uint32_t>& sorted, double p) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * p)] / 1000.0;
}

/// Megabytes an hour, by least squares.
double slope(const std::vector<std::pair<double, double>>& at) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const auto& [t, v] : at) n += 1, x += t, y += v, xx += t * t, xy += t * v;
  const double d = n * xx - x * x;
  return d > 0 ? (n * xy - x * y) / d * 3600 : 0;
}

/// Targets, good clients and an attacker, on a thread each.
class load {
 public:
  explicit load(std::uint16_t server_port) {
    const auto loopback = asio::ip::address_v4::loopback();
    plan_.server = {loopback, server_port};
    plan_.tcp_echo = tcp_echo_.local_endpoint().port();
    plan_.udp_echo = udp_echo_.local_endpoint().port();
    asio::co_spawn(targets_, soak::serve_tcp_echo(tcp_echo_), asio::detached);
    asio::co_spawn(targets_, soak::serve_udp_echo(udp_echo_), asio::detached);
    plan_.tcp_deaf = deaf_.local_endpoint().port();
    asio::co_spawn(targets_, soak::accept_only(deaf_), asio::detached);
    for (std::size_t i = 0; i < plan_.sessions; ++i)
      asio::co_spawn(good_, soak::good_client(plan_, c, stop_, i), asio::detached);
    asio::co_spawn(bad_, soak::attacker(plan_, c, attacking, stop_), asio::detached);
    targets_thread_ = std::thread([this] { targets_.run(); });
    good_thread_ = std::thread([this] { good_.run(); });
    bad_thread_ = std::thread([this] { bad_.run(); });
  }
  ~load() {
    stop_clients();
    targets_.stop();
    targets_thread_.join();
  }
  void stop_clients() {
    stop_ = true;
    attacking = false;
    for (std::thread* t : {&good_thread_, &bad_thread_})
      if (t->joinable()) t->join();
  }

  soak::counters c;
  std::atomic<bool> attacking{false};

 private:
  soak::plan plan_;
  std::atomic<bool> stop_{false};
  asio::io_context targets_{1}, good_{1}, bad_{1};
  soak::tcp::acceptor tcp_echo_{targets_, {asio::ip::address_v4::loopback(), 0}};
  soak::tcp::acceptor deaf_{targets_, {asio::ip::address_v4::loopback(), 0}};
  soak::udp::socket udp_echo_{targets_, {asio::ip::address_v4::loopback(), 0}};
  std::thread targets_thread_, good_thread_, bad_thread_;
};

/// What a server must not keep when its clients are gone.
struct holdings {
  explicit holdings(const server_process& server)
      : descriptors(server.descriptors()), timers(server.timers()) {}
  bool within(const holdings& other) const {
    return descriptors <= other.descriptors && timers <= other.timers;
  }
  std::size_t descriptors, timers;
};

struct phase {
  double p50 = 0, p99 = 0;
  std::size_t samples = 0;
};

/// What is read after each step.
struct readings {
  steady_clock::time_point begun = steady_clock::now();
  std::vector<std::pair<double, double>> memory;
  std::size_t most_timers = 0;
};

phase measure(soak::counters& c, double seconds, const server_process& server, const char* name,
              readings& seen) {
  c.round_trips.take();
  std::vector<std::uint32_t> all;
  for (const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
       steady_clock::now() < end;) {
    std::this_thread::sleep_for(std::min<std::chrono::duration<double>>(5s, end - steady_clock::now()));
    const double t = seconds_since(seen.begun);
    const holdings held(server);
    seen.memory.emplace_back(t, server.megabytes());
    seen.most_timers = std::max(seen.most_timers, held.timers);
    const auto some = c.round_trips.take();
    all.insert(all.end(), some.begin(), some.end());
    fmt::print(
        "{:7.0f} s  {:<9} {:7.1f} MiB  {:5} fds  {:5} timers  {:8} sub-streams  {:6} datagrams  {:5} kills  "
        "{:5} attacks, "
        "{} repelled  {} faults  p99 {:.2f} ms\n",
        t, name, seen.memory.back().second, held.descriptors, held.timers, c.streams.load(),
        c.datagrams.load(), c.kills.load(), c.attacks.load(), c.repelled.load(), c.faults.load(),
        percentile(some, 0.99));
    std::fflush(stdout);
  }
  std::sort(all.begin(), all.end());
  return {percentile(all, 0.5), percentile(all, 0.99), all.size()};
}

/// Until the server holds no more than before; UDP mappings with a GlobalID are kept for 60 s.
holdings wait_for(const server_process& server, const holdings& before) {
  const auto begun = steady_clock::now();
  for (;;) {
    const holdings now(server);
    const double took = seconds_since(begun);
    if (now.within(before) || took > 70) {
      fmt::print("{:.1f} s after the last client: {} fds, {} timers\n", took, now.descriptors, now.timers);
      return now;
    }
    std::this_thread::sleep_for(200ms);
  }
}

/// What the server has written, at level info.
struct log_file {
  explicit log_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    kilobytes = static_cast<double>(text.size()) / 1024;
    shows_payload = text.find(soak::payload_mark) != std::string::npos;
  }
  /// All clients are one source, for which three rate limits pass ten lines a second each, and report the
  /// number of dropped lines, which is some 35 lines of 200 bytes.
  bool good(double took) const { return kilobytes > 0 && kilobytes < 8 * took && !shows_payload; }
  double kilobytes = 0;
  bool shows_payload = false;
};

int run(const std::string& program, double seconds) {
  const std::string log_path = program + ".soak.log";
  const auto begun = steady_clock::now();
  server_process server(program, log_path);
  server.timers();                  // it answers once its threads run,
  std::this_thread::sleep_for(1s);  // and they open the last of its own descriptors
  const holdings before(server);
  load l(server.port());
  readings warm, steady;
  measure(l.c, seconds * 0.2, server, "warm-up", warm);
  steady.begun = warm.begun;
  // Calm and attack in turns: the machine's own moods hit both.
  phase calm, attack;
  constexpr int turns = 4;
  for (int i = 0; i < turns; ++i) {
    l.attacking = false;
    const phase quiet = measure(l.c, seconds * 0.1, server, "calm", steady);
    l.attacking = true;
    const phase loud = measure(l.c, seconds * 0.1, server, "attack", steady);
    calm.p50 += quiet.p50 / turns, calm.p99 += quiet.p99 / turns, calm.samples += quiet.samples;
    attack.p50 += loud.p50 / turns, attack.p99 += loud.p99 / turns, attack.samples += loud.samples;
  }
  l.stop_clients();
  const holdings after = wait_for(server, before);
  const double memory_after = server.megabytes();
  const int status = server.stop();
  const double took = seconds_since(begun);
  const log_file log(log_path);

  const soak::counters& c = l.c;
  const auto& memory = steady.memory;
  const double ratio = calm.p99 > 0 ? attack.p99 / calm.p99 : 0;
  fmt::print("\nsub-streams {}, bytes {}, datagrams {}, sessions killed {}, sub-streams reset {}\n",
             c.streams.load(), c.bytes.load(), c.datagrams.load(), c.kills.load(), c.resets.load());
  fmt::print("attacks {}, repelled {}\n", c.attacks.load(), c.repelled.load());
  fmt::print(
      "memory: {:.1f} MiB after warm-up, {:.1f} at the end, {:.1f} after the drain; slope {:.1f} MiB/h\n",
      memory.front().second, memory.back().second, memory_after, slope(memory));
  fmt::print("descriptors: {} before, {} after\n", before.descriptors, after.descriptors);
  fmt::print("timers: {} before, {} at most, {} after\n", before.timers,
             std::max(warm.most_timers, steady.most_timers), after.timers);
  fmt::print(
      "round trip: calm p50 {:.2f} p99 {:.2f} ms ({}), under attack p50 {:.2f} p99 {:.2f} ms ({}): p99 x "
      "{:.2f}\n",
      calm.p50, calm.p99, calm.samples, attack.p50, attack.p99, attack.samples, ratio);
  fmt::print("faults: {}; the server ended with status {}\n", c.faults.load(), status);
  fmt::print("log: {:.0f} KiB, {:.1f} a second, {} payload in it\n", log.kilobytes, log.kilobytes / took,
             log.shows_payload ? "with" : "no");
  const bool grew = memory.back().second > memory.front().second * 1.2 + 20;
  const bool good_run =
      c.faults == 0 && status == 0 && ratio < 2 && after.within(before) && !grew && log.good(took);
  fmt::print("{}\n", good_run ? "OK" : "NOT OK");
  return good_run ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::invalid_argument("usage: muxpro_soak SERVER-PROGRAM [seconds]");
  return run(argv[1], argc > 2 ? std::stod(argv[2]) : 60);
} catch (const std::exception& e) {
  fmt::print(stderr, "muxpro_soak: {}\n", e.what());
  return 1;
}
