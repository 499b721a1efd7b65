// One outbound of several, by chance, in turns or by their load.
#pragma once

#include "proxy/routing/router.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace muxpro::proxy {

class balancer {
 public:
  /// Throws std::invalid_argument.
  balancer(const balancer_options& options, const std::vector<std::string>& outbounds, std::uint64_t seed);

  /// One of those that can be used; else the fallback; else, without one, one of those that cannot.
  const std::string& choose(const router::outbound_load& load, const router::outbound_load& ping = {}) const;

 private:
  struct candidate {
    const std::string* tag;
    std::size_t load;
  };
  std::vector<candidate> usable(const router::outbound_load& load) const;

  balancing strategy_;
  std::vector<std::string> selected_;
  std::string fallback_;
  mutable std::atomic<std::uint64_t> turn_;
};

}  // namespace muxpro::proxy
