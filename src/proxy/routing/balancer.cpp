#include "proxy/routing/balancer.hpp"

#include "proxy/routing/config_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// splitmix64, which maps consecutive numbers to numbers without an order.
std::uint64_t scattered(std::uint64_t n) {
  n += 0x9e3779b97f4a7c15;
  n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
  n = (n ^ n >> 27) * 0x94d049bb133111eb;
  return n ^ n >> 31;
}

}  // namespace

balancer::balancer(const balancer_options& options, const std::vector<std::string>& outbounds,
                   std::uint64_t seed)
    : strategy_(options.strategy),
      by_load_(options.load),
      fallback_(options.fallback_tag),
      all_(outbounds),
      turn_(seed) {
  for (const std::string& tag : outbounds) {
    const auto begins = [&tag](const std::string& prefix) { return tag.starts_with(prefix); };
    if (std::any_of(options.selector.begin(), options.selector.end(), begins)) selected_.push_back(tag);
  }
  const std::string all = fmt::format("{}", fmt::join(outbounds, ", "));
  if (selected_.empty())
    check("selector", fmt::format("{}", fmt::join(options.selector, ", ")),
          "it must be beginnings of " + all);
  if (!fallback_.empty() && !contains(outbounds, fallback_))
    check("fallback_tag", fallback_, "it must be empty or one of " + all);
}

bool balancer::pin(std::string_view outbound) const {
  const auto found = std::find(all_.begin(), all_.end(), outbound);
  if (!outbound.empty() && found == all_.end()) return false;
  pinned_ = outbound.empty() ? nullptr : &*found;
  return true;
}

std::string balancer::pinned() const {
  const std::string* const tag = pinned_;
  return tag ? *tag : std::string();
}

std::vector<balancer::candidate> balancer::usable(const router::outbound_load& load) const {
  std::vector<candidate> all;
  for (const std::string& tag : selected_)
    if (const auto n = load ? load(tag) : 0) all.push_back({&tag, *n});
  return all;
}

std::vector<least_load::candidate> balancer::measured_ones(
    const router::outbound_load& load, const router::outbound_measurements& measured) const {
  std::vector<least_load::candidate> out;
  for (const candidate& c : usable(load))
    if (const auto health = measured ? measured(*c.tag) : std::nullopt) out.push_back({c.tag, *health});
  return out;
}

/// Those with the same load take turns.
const std::string& balancer::fewest(std::vector<candidate> all) const {
  const auto least =
      std::min_element(all.begin(), all.end(), [](auto& a, auto& b) { return a.load < b.load; })->load;
  std::erase_if(all, [least](const candidate& c) { return c.load != least; });
  return *all[next_turn() % all.size()].tag;
}

const std::string& balancer::choose(const router::outbound_load& load,
                                    const router::outbound_measurements& measured) const {
  if (const std::string* const only = pinned_) return *only;
  std::vector<least_load::candidate> known;
  if (strategy_ == balancing::least_load || strategy_ == balancing::least_ping)
    known = measured_ones(load, measured);
  if (!known.empty() && strategy_ == balancing::least_ping) {
    std::vector<candidate> by_time;
    for (const auto& k : known) by_time.push_back({k.tag, static_cast<std::size_t>(k.health.last.count())});
    return fewest(std::move(by_time));
  }
  if (!known.empty()) {
    const auto chosen = by_load_.choose(std::move(known));
    if (!chosen.empty()) return *chosen[scattered(next_turn()) % chosen.size()];
    if (!fallback_.empty()) return fallback_;
  }
  std::vector<candidate> all = usable(load);
  if (all.empty() && !fallback_.empty()) return fallback_;
  if (all.empty()) all = usable({});
  if (strategy_ == balancing::least_load || strategy_ == balancing::least_ping) return fewest(std::move(all));
  const std::uint64_t turn = next_turn();
  return *all[(strategy_ == balancing::random ? scattered(turn) : turn) % all.size()].tag;
}

}  // namespace muxpro::proxy
