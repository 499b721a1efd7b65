#pragma once

#include <muxpro/impl/options.ipp>
#include <muxpro/relay_options.hpp>

namespace muxpro {

MUXPRO_DECL std::string relay_options::validate() const {
  constexpr double year = 365 * 86400;
  const std::string times = out_of_range<double>({
      {"idle (s)", seconds_of(idle), 0.001, year},
      {"uplink_only (s)", seconds_of(uplink_only), 0.001, year},
      {"downlink_only (s)", seconds_of(downlink_only), 0.001, year},
      {"linger (s)", seconds_of(linger), 0.001, year},
  });
  if (!times.empty()) return times;
  return out_of_range<std::uint64_t>({{"buffer", buffer, 1, 16 << 20}});
}

}  // namespace muxpro
