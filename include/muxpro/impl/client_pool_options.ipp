#pragma once

#include <muxpro/client_pool_options.hpp>
#include <muxpro/impl/options.ipp>

#include <algorithm>

namespace muxpro {

MUXPRO_DECL std::string client_pool_options::validate() const {
  const std::string counts = out_of_range<std::uint64_t>({
      {"max_concurrency", max_concurrency, 1, 65535},
      {"max_reuse", max_reuse, 1, 0xffffffff},
      {"max_connections", max_connections, 1, 65535},
      {"max_waiting", max_waiting, 0, 1 << 24},
  });
  if (!counts.empty()) return counts;

  constexpr double day = 86400;
  const std::string times = out_of_range<double>({
      {"max_age (s)", seconds_of(max_age), 0.001, 365 * day},
      {"idle_timeout (s)", seconds_of(idle_timeout), 0.001, 365 * day},
      {"dial_timeout (s)", seconds_of(dial_timeout), 0.001, day},
      {"backoff_min (s)", seconds_of(backoff_min), 0.001, day},
      {"backoff_max (s)", seconds_of(backoff_max), seconds_of(backoff_min), day},
      {"dial_spacing (s)", seconds_of(dial_spacing), 0, day},
  });
  if (!times.empty()) return times;

  const std::string mistake = session.validate();
  return mistake.empty() ? mistake : "session." + mistake;
}

}  // namespace muxpro
