#include <muxpro/proxy/stats.hpp>

#include <fmt/format.h>

namespace muxpro::proxy {

stats::counters& stats::of(kind what, std::string_view name) {
  const std::lock_guard lock(access_);
  auto& named = all_[static_cast<std::size_t>(what)];
  const auto found = named.find(name);
  return found != named.end() ? found->second : named[std::string(name)];
}

std::vector<stats::row> stats::rows() const {
  const std::lock_guard lock(access_);
  std::vector<row> out;
  for (std::size_t what = 0; what < all_.size(); ++what)
    for (const auto& [name, c] : all_[what])
      out.push_back({static_cast<kind>(what), name, c.up, c.down, c.connections, c.live});
  return out;
}

std::string_view name_of(stats::kind what) noexcept {
  constexpr std::string_view names[] = {"inbound", "outbound", "user"};
  return names[static_cast<std::size_t>(what)];
}

std::string counter_name(stats::kind what, std::string_view name, bool up) {
  return fmt::format("{}>>>{}>>>traffic>>>{}", name_of(what), name, up ? "uplink" : "downlink");
}

}  // namespace muxpro::proxy
