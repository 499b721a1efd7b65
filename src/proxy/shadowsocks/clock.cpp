#include "proxy/shadowsocks/clock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace muxpro::proxy {

namespace {

std::string about_clock(std::int64_t seconds) {
  return fmt::format("the peer has a clock off by {:+} s, and {} s are allowed", seconds,
                     clock_tolerance.count());
}

/// The value of an error is the offset.
class clock_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro.clock"; }
  std::string message(int seconds) const override { return about_clock(seconds); }
};

}  // namespace

std::optional<std::chrono::seconds> clock_offset(std::uint64_t sent, unix_time now) {
  constexpr std::uint64_t latest = std::uint64_t{1} << 62U;
  const std::chrono::seconds off(static_cast<std::int64_t>(std::min(sent, latest)) -
                                 now.time_since_epoch().count());
  if (off <= clock_tolerance && off >= -clock_tolerance) return std::nullopt;
  return off;
}

std::string clock_mistake(std::uint64_t sent, unix_time now) {
  const auto off = clock_offset(sent, now);
  return off ? about_clock(off->count()) : std::string();
}

std::error_code clock_error(std::uint64_t sent, unix_time now) {
  static const clock_category category;
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  const auto off = clock_offset(sent, now);
  if (!off) return {};
  return {static_cast<int>(std::clamp<std::int64_t>(off->count(), -most, most)), category};
}

}  // namespace muxpro::proxy
