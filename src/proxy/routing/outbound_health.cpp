#include "proxy/routing/outbound_health.hpp"

#include <chrono>
#include <cmath>
#include <vector>

namespace muxpro::proxy {

namespace {

using exact_seconds = std::chrono::duration<double>;

exact_seconds deviation_of(const std::vector<duration>& times, duration average) {
  double squares = 0;
  for (const duration t : times) squares += std::pow(exact_seconds(t - average).count(), 2);
  return exact_seconds(std::sqrt(squares / static_cast<double>(times.size())));
}

}  // namespace

void health_samples::add(std::optional<duration> took) {
  samples_.push_back(took);
  if (samples_.size() > most_) samples_.pop_front();
}

std::optional<outbound_health> health_samples::health() const {
  if (!is_alive()) return std::nullopt;
  std::vector<duration> times;
  duration sum{};
  for (const auto& s : samples_) {
    if (!s) continue;
    times.push_back(*s);
    sum += *s;
  }
  outbound_health out;
  out.last = times.back();
  out.average = sum / static_cast<duration::rep>(times.size());
  out.all = samples_.size();
  out.failed = samples_.size() - times.size();
  if (times.size() > 1)
    out.deviation = std::chrono::duration_cast<duration>(deviation_of(times, out.average));
  else
    out.deviation = most_ > 1 ? out.average / 2 : out.average;
  return out;
}

}  // namespace muxpro::proxy
