// Clocks, processor time, memory, percentiles, and how the programs print what they measured.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bench {

using steady = std::chrono::steady_clock;

inline double seconds_since(steady::time_point begin) {
  return std::chrono::duration<double>(steady::now() - begin).count();
}

/// So many seconds as the clock counts them.
inline steady::duration in_seconds(double n) {
  return std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(n));
}

/// One line: name, tab, value, tab, unit.
void print_metric(std::string_view name, double value, std::string_view unit);

/// Round trips in nanoseconds; sorts them and prints p50, p99 and p999.
using samples = std::vector<std::uint32_t>;
void print_latencies(samples& all);

/// Seconds of processor time, user and system: this process and another one (0: there is none).
struct processor_time {
  double self = 0;
  double server = 0;
  static processor_time now(int server_pid);
};

/// Resident memory in bytes.
double resident(int pid);

/// From its making on: what a workload costs in time on the wall and on the processors.
class stopwatch {
 public:
  explicit stopwatch(int server_pid)
      : server_(server_pid), used_(processor_time::now(server_pid)), begin_(steady::now()) {}

  double seconds() const { return seconds_since(begin_); }
  /// Rate and processor time of a transfer.
  void print_transfer(double bytes) const;
  /// Rate and processor time of `n` things.
  void print_rate(std::string_view rate, std::string_view cost, double n) const;

 private:
  int server_;
  processor_time used_;
  steady::time_point begin_;
};

}  // namespace bench
