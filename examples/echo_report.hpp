// The report of the echo client: times of round trips, a progress line, the table at the end.
#pragma once

#include "common.hpp"

#include <fmt/format.h>

#include <muxpro/stats.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace examples {

using steady = std::chrono::steady_clock;

inline double seconds_of(steady::duration d) { return std::chrono::duration<double>(d).count(); }
inline double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }
inline double rate(std::uint64_t bytes, steady::duration d) {
  return d > steady::duration{} ? mebibytes(bytes) / seconds_of(d) : 0;
}

/// The round trips of a run, the latest million of them.
class round_trips {
 public:
  void add(steady::duration d) {
    if (times_.size() < most)
      times_.push_back(d);
    else
      times_[count_ % most] = d;
    ++count_;
  }
  std::uint64_t count() const noexcept { return count_; }

  /// `share` 0.5 is the median. There must be one at least.
  steady::duration percentile(double share) const {
    auto sorted = times_;
    const auto n = static_cast<std::ptrdiff_t>(share * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), sorted.begin() + n, sorted.end());
    return sorted[static_cast<std::size_t>(n)];
  }

 private:
  static constexpr std::size_t most = 1 << 20;
  std::vector<steady::duration> times_;
  std::uint64_t count_ = 0;
};

inline std::string format_time(steady::duration d) {
  const double s = seconds_of(d);
  if (s < 1e-3) return fmt::format("{:.0f} us", s * 1e6);
  if (s < 1) return fmt::format("{:.2f} ms", s * 1e3);
  return fmt::format("{:.2f} s", s);
}

struct run_report {
  std::string version;
  std::uint32_t streams = 0;
  std::uint64_t sent = 0, received = 0;
  steady::duration sending{}, receiving{};
  std::uint64_t credit_stalls = 0;
  steady::duration credit_stalled{};
};

inline void print_table(const run_report& r, const round_trips& trips) {
  fmt::print("version        {}\n", r.version);
  fmt::print("sub-streams    {}\n", r.streams);
  fmt::print("sent           {} bytes, {:.1f} MiB in {}, {:.1f} MiB/s\n", r.sent, mebibytes(r.sent),
             format_time(r.sending), rate(r.sent, r.sending));
  fmt::print("received       {} bytes, {:.1f} MiB in {}, {:.1f} MiB/s, all as sent\n", r.received,
             mebibytes(r.received), format_time(r.receiving), rate(r.received, r.receiving));
  if (trips.count() == 0)
    fmt::print("round trip     not measured: the peer has no room for one more sub-stream\n");
  else
    fmt::print("round trip     p50 {}, p99 {} ({} pings of 64 bytes)\n", format_time(trips.percentile(0.5)),
               format_time(trips.percentile(0.99)), trips.count());
  fmt::print("credit stalls  {}, {} in all\n", r.credit_stalls, format_time(r.credit_stalled));
  if (std::fflush(stdout) != 0) {
    const std::error_code ec(errno, std::generic_category());
    throw failure(fmt::format("cannot write standard output: {}", ec.message()));
  }
}

/// One line that is written over and over; only for a terminal.
class progress_line {
 public:
  explicit progress_line(bool wanted) : wanted_(wanted) {}
  ~progress_line() { clear(); }
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  bool wanted() const noexcept { return wanted_; }

  /// `total` 0: not known.
  void show(std::uint64_t sent, std::uint64_t received, std::uint64_t total) {
    const auto now = steady::now();
    const double out = rate(sent - sent_, now - at_), in = rate(received - received_, now - at_);
    std::string line = fmt::format("{:.1f} MiB back", mebibytes(received));
    if (total > 0)
      line += fmt::format(" of {:.1f} ({:.0f} %)", mebibytes(total),
                          100 * mebibytes(received) / mebibytes(total));
    fmt::print(stderr, "\r{}, {:.1f} MiB/s out, {:.1f} MiB/s in\033[K", line, out, in);
    std::fflush(stderr);
    at_ = now;
    sent_ = sent;
    received_ = received;
    shown_ = true;
  }
  void clear() {
    if (std::exchange(shown_, false)) std::fputs("\r\033[K", stderr);
  }

 private:
  const bool wanted_;
  bool shown_ = false;
  steady::time_point at_ = steady::now();
  std::uint64_t sent_ = 0, received_ = 0;
};

}  // namespace examples
