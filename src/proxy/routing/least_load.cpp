#include "proxy/routing/least_load.hpp"

#include "proxy/routing/config_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <tuple>
#include <utility>

namespace muxpro::proxy {

namespace {

double in_seconds(duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

least_load::least_load(const least_load_options& options) : options_(options) {
  for (const auto& cost : options_.costs) {
    expressions_.emplace_back(cost.regexp ? cost.match : std::string());
    if (const std::string& mistake = expressions_.back().mistake(); !mistake.empty())
      check("strategy.settings.costs", cost.match,
            fmt::format("it must be a regular expression in RE2's syntax: {}", mistake));
  }
}

// Xray's, which takes the root of the cost.
double least_load::weighed(const candidate& c) const {
  for (std::size_t i = 0; i < options_.costs.size(); ++i) {
    const auto& cost = options_.costs[i];
    const bool matches =
        cost.regexp ? expressions_[i].found_in(*c.tag) : c.tag->find(cost.match) != std::string::npos;
    if (matches) return in_seconds(c.health.deviation) * std::sqrt(cost.value);
  }
  return in_seconds(c.health.deviation);
}

/// How many of the first ones the first baseline that leaves enough of them leaves.
std::size_t least_load::within_baselines(const std::vector<double>& deviations) const {
  const std::size_t expected = std::max<std::size_t>(1, options_.expected);
  std::size_t count = 0;
  for (const duration baseline : options_.baselines) {
    while (count < deviations.size() && deviations[count] < in_seconds(baseline)) ++count;
    if (count >= expected) break;
  }
  return options_.expected > 0 ? std::max(count, expected) : count;
}

std::vector<const std::string*> least_load::choose(std::vector<candidate> all) const {
  std::erase_if(all, [this](const candidate& c) {
    const double failures = static_cast<double>(c.health.failed) / static_cast<double>(c.health.all);
    const bool slow = options_.max_rtt > duration(0) && c.health.last >= options_.max_rtt;
    return slow || (options_.tolerance > 0 && failures > options_.tolerance);
  });
  std::vector<std::pair<double, const candidate*>> order;
  for (const candidate& c : all) order.emplace_back(weighed(c), &c);
  const auto rank = [](const auto& one) {
    const outbound_health& h = one.second->health;
    return std::tuple(one.first, h.average, h.failed, h.all, *one.second->tag);
  };
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  std::vector<double> deviations;
  for (const auto& one : order) deviations.push_back(one.first);
  const std::size_t expected = std::max<std::size_t>(1, options_.expected);
  const std::size_t wanted = options_.baselines.empty() ? expected : within_baselines(deviations);
  std::vector<const std::string*> out;
  for (const auto& one : order)
    if (out.size() < wanted) out.push_back(one.second->tag);
  return out;
}

}  // namespace muxpro::proxy
