// least_load, the strategy leastLoad, which chooses outbounds whose measured times vary least. Ring 4, a rule
// without clock.
#pragma once

#include "proxy/base/pattern.hpp"
#include "proxy/routing/outbound_health.hpp"
#include "proxy/routing/router.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

class least_load {
 public:
  /// Throws std::invalid_argument about a cost's expression.
  explicit least_load(const least_load_options& options);

  struct candidate {
    const std::string* tag;
    outbound_health health;
  };
  /// Returns the outbounds that share new connections. Empty if each is too slow, or fails too often.
  std::vector<const std::string*> choose(std::vector<candidate> all) const;

 private:
  double weighed(const candidate& c) const;
  std::size_t within_baselines(const std::vector<double>& deviations) const;

  const least_load_options options_;
  std::vector<pattern> expressions_;  ///< of costs, empty ones for texts
};

}  // namespace muxpro::proxy
