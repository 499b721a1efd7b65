#include "measure.hpp"

#include "arguments.hpp"

#include <fmt/format.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace bench {

namespace {

constexpr double gibibyte = 1024.0 * 1024 * 1024;

double to_seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

double own_processor_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return to_seconds(used.ru_utime) + to_seconds(used.ru_stime);
}

// The name of the program, in parentheses, may hold anything: the numbers stand behind the last one.
double processor_time_of(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) throw failure(fmt::format("there is no process {}", pid));
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

void print_metric(std::string_view name, double value, std::string_view unit) {
  fmt::print("{}\t{:.6g}\t{}\n", name, value, unit);
  std::fflush(stdout);
}

void print_latencies(samples& all) {
  if (all.empty()) return;
  std::sort(all.begin(), all.end());
  const auto at = [&](double part) {
    const auto i = static_cast<std::size_t>(part * static_cast<double>(all.size()));
    return all[std::min(i, all.size() - 1)] / 1000.0;
  };
  print_metric("p50", at(0.5), "us");
  print_metric("p99", at(0.99), "us");
  print_metric("p999", at(0.999), "us");
}

processor_time processor_time::now(int server_pid) {
  return {own_processor_time(), server_pid > 0 ? processor_time_of(server_pid) : 0};
}

double resident(int pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string word; status >> word;) {
    if (word != "VmRSS:") continue;
    double kibibytes = 0;
    status >> kibibytes;
    return kibibytes * 1024;
  }
  throw failure(fmt::format("there is no process {}", pid));
}

void stopwatch::print_transfer(double bytes) const {
  const double passed = seconds();
  const auto used = processor_time::now(server_);
  const double client = (used.self - used_.self) / bytes * gibibyte;
  const double server = (used.server - used_.server) / bytes * gibibyte;
  print_metric("MBps", bytes / 1e6 / passed, "MB/s");
  print_metric("secs", passed, "s");
  print_metric("cpu_client_per_GiB", client, "s/GiB");
  print_metric("cpu_server_per_GiB", server, "s/GiB");
  print_metric("cpu_per_GiB", client + server, "s/GiB");
}

void stopwatch::print_rate(std::string_view rate, std::string_view cost, double n) const {
  const double passed = seconds();
  const auto used = processor_time::now(server_);
  print_metric(rate, n / passed, "1/s");
  print_metric(cost, (used.self - used_.self + used.server - used_.server) * 1e6 / n, "us");
}

}  // namespace bench
