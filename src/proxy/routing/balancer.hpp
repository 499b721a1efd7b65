// One outbound of several, by chance, in turns, by their load or by measurements.
#pragma once

#include "proxy/routing/least_load.hpp"
#include "proxy/routing/router.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

class balancer {
 public:
  /// Throws std::invalid_argument.
  balancer(const balancer_options& options, const std::vector<std::string>& outbounds, std::uint64_t seed);

  /// Returns an outbound that can be used, else the fallback, or without a fallback an outbound that cannot
  /// be used.
  const std::string& choose(const router::outbound_load& load,
                            const router::outbound_measurements& measured = {}) const;
  /// Makes choose() return `outbound` from now on. If empty, it chooses again. Returns false if there is no
  /// such outbound.
  bool pin(std::string_view outbound) const;
  /// Empty if it chooses.
  std::string pinned() const;
  const std::vector<std::string>& selected() const noexcept { return selected_; }

 private:
  struct candidate {
    const std::string* tag;
    std::size_t load;
  };
  std::vector<candidate> usable(const router::outbound_load& load) const;
  std::vector<least_load::candidate> measured_ones(const router::outbound_load& load,
                                                   const router::outbound_measurements& measured) const;
  const std::string& fewest(std::vector<candidate> all) const;
  std::uint64_t next_turn() const noexcept { return turn_.fetch_add(1, std::memory_order_relaxed); }

  balancing strategy_;
  least_load by_load_;
  std::vector<std::string> selected_;
  std::string fallback_;
  std::vector<std::string> all_;
  mutable std::atomic<const std::string*> pinned_{nullptr};  ///< one of `all_`
  mutable std::atomic<std::uint64_t> turn_;
};

}  // namespace muxpro::proxy
