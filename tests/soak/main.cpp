// muxpro_soak SERVER-PROGRAM [seconds]: a server under load and attack; what it costs and whether it recovers.
#include "soak.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// The server as a process of its own, so that its memory and descriptors are its own.
class server_process {
 public:
  explicit server_process(const std::string& program) {
    int out[2];
    if (::pipe(out) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], 1);
      ::close(out[0]);
      ::execl(program.c_str(), program.c_str(), "server", "--listen", "127.0.0.1:0", "--allow-private", "--log-level", "off",
              "--max-unnegotiated-per-source", "1000", static_cast<char*>(nullptr));
      std::_Exit(127);
    }
    ::close(out[1]);
    std::FILE* const lines = ::fdopen(out[0], "r");
    std::array<char, 200> line{};
    if (!std::fgets(line.data(), static_cast<int>(line.size()), lines))
      throw std::runtime_error(fmt::format("{} did not start", program));
    const std::string text(line.data());
    port = static_cast<std::uint16_t>(std::atoi(text.substr(text.rfind(':') + 1).c_str()));
    std::fclose(lines);
  }
  ~server_process() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }
  double megabytes() const {
    std::ifstream status(fmt::format("/proc/{}/status", pid_));
    for (std::string word; status >> word;)
      if (word == "VmRSS:") {
        double kilobytes = 0;
        status >> kilobytes;
        return kilobytes / 1024;
      }
    throw std::runtime_error("the server has died");
  }
  std::size_t descriptors() const {
    const std::filesystem::directory_iterator list(fmt::format("/proc/{}/fd", pid_));
    return static_cast<std::size_t>(std::distance(begin(list), end(list)));
  }
  int stop() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }
  std::uint16_t port = 0;

 private:
  pid_t pid_ = -1;
};

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

struct phase {
  double p50 = 0, p99 = 0;
  std::size_t samples = 0;
};

phase measure(soak::counters& c, double seconds, const server_process& server, const char* name,
              std::vector<std::pair<double, double>>& memory, steady_clock::time_point begun) {
  c.round_trips.take();
  std::vector<std::uint32_t> all;
  for (const auto end = steady_clock::now() + std::chrono::duration<double>(seconds); steady_clock::now() < end;) {
    std::this_thread::sleep_for(std::min<std::chrono::duration<double>>(5s, end - steady_clock::now()));
    const double t = std::chrono::duration<double>(steady_clock::now() - begun).count();
    memory.emplace_back(t, server.megabytes());
    const auto some = c.round_trips.take();
    all.insert(all.end(), some.begin(), some.end());
    fmt::print("{:7.0f} s  {:<9} {:7.1f} MiB  {:5} fds  {:8} sub-streams  {:6} datagrams  {:5} kills  {:5} attacks, {} repelled  "
               "{} faults  p99 {:.2f} ms\n",
               t, name, memory.back().second, server.descriptors(), c.streams.load(), c.datagrams.load(), c.kills.load(),
               c.attacks.load(), c.repelled.load(), c.faults.load(), percentile(some, 0.99));
    std::fflush(stdout);
  }
  std::sort(all.begin(), all.end());
  return {percentile(all, 0.5), percentile(all, 0.99), all.size()};
}

int run(const std::string& program, double seconds) {
  server_process server(program);
  const std::size_t base = server.descriptors();
  soak::counters c;
  soak::plan p;
  std::atomic<bool> stop{false}, attacking{false};
  asio::io_context targets(1), good(1), bad(1);
  const auto loopback = asio::ip::address_v4::loopback();
  soak::tcp::acceptor tcp_echo(targets, {loopback, 0});
  soak::udp::socket udp_echo(targets, {loopback, 0});
  p.server = {loopback, server.port};
  p.tcp_echo = tcp_echo.local_endpoint().port();
  p.udp_echo = udp_echo.local_endpoint().port();
  asio::co_spawn(targets, soak::serve_tcp_echo(tcp_echo), asio::detached);
  asio::co_spawn(targets, soak::serve_udp_echo(udp_echo), asio::detached);
  for (std::size_t i = 0; i < p.sessions; ++i) asio::co_spawn(good, soak::good_client(p, c, stop, i), asio::detached);
  asio::co_spawn(bad, soak::attacker(p, c, attacking, stop), asio::detached);
  std::thread targets_thread([&] { targets.run(); }), good_thread([&] { good.run(); }), bad_thread([&] { bad.run(); });

  const auto begun = steady_clock::now();
  std::vector<std::pair<double, double>> warm, steady;
  measure(c, seconds * 0.2, server, "warm-up", warm, begun);
  // Calm and attack in turns: the machine's own moods hit both.
  phase calm, attack;
  constexpr int turns = 4;
  for (int i = 0; i < turns; ++i) {
    attacking = false;
    const phase quiet = measure(c, seconds * 0.1, server, "calm", steady, begun);
    attacking = true;
    const phase loud = measure(c, seconds * 0.1, server, "attack", steady, begun);
    calm.p50 += quiet.p50 / turns, calm.p99 += quiet.p99 / turns, calm.samples += quiet.samples;
    attack.p50 += loud.p50 / turns, attack.p99 += loud.p99 / turns, attack.samples += loud.samples;
  }
  stop = true;
  attacking = false;
  good_thread.join();
  bad_thread.join();
  const auto patience = steady_clock::now() + 10s;
  while (server.descriptors() > base && steady_clock::now() < patience) std::this_thread::sleep_for(50ms);
  // UDP mappings with a GlobalID are kept for a minute.
  const std::size_t left = server.descriptors() - base;
  const double after = server.megabytes();
  const int status = server.stop();
  targets.stop();
  targets_thread.join();

  const double ratio = calm.p99 > 0 ? attack.p99 / calm.p99 : 0;
  fmt::print("\nsub-streams {}, bytes {}, datagrams {}, sessions killed {}, sub-streams reset {}\n", c.streams.load(),
             c.bytes.load(), c.datagrams.load(), c.kills.load(), c.resets.load());
  fmt::print("attacks {}, repelled {}\n", c.attacks.load(), c.repelled.load());
  fmt::print("memory: {:.1f} MiB after warm-up, {:.1f} at the end, {:.1f} after the drain; slope {:.1f} MiB/h\n",
             steady.front().second, steady.back().second, after, slope(steady));
  fmt::print("descriptors: {} before, {} more after the drain (UDP mappings that are kept for 60 s)\n", base, left);
  fmt::print("round trip: calm p50 {:.2f} p99 {:.2f} ms ({}), under attack p50 {:.2f} p99 {:.2f} ms ({}): p99 x {:.2f}\n",
             calm.p50, calm.p99, calm.samples, attack.p50, attack.p99, attack.samples, ratio);
  fmt::print("faults: {}; the server ended with status {}\n", c.faults.load(), status);
  const bool grew = steady.back().second > steady.front().second * 1.2 + 20;
  const bool good_run = c.faults == 0 && status == 0 && ratio < 2 && left <= 1024 && !grew;
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
