#include "proxy/engine/stats.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

stats::counters& stats::of(kind what, std::string_view name) {
  const std::lock_guard lock(access_);
  auto& named = all_[static_cast<std::size_t>(what)];
  const auto found = named.find(name);
  return found != named.end() ? found->second : named[std::string(name)];
}

std::vector<counter_row> stats::rows() const {
  const std::lock_guard lock(access_);
  std::vector<row> out;
  for (std::size_t what = 0; what < all_.size(); ++what)
    for (const auto& [name, c] : all_[what])
      out.push_back({static_cast<kind>(what), name, c.up, c.down, c.connections, c.live});
  return out;
}

std::uint64_t stats::count_main_connection(std::string_view inbound) {
  const std::lock_guard lock(access_);
  ++main_connections_[std::string(inbound)];
  return ++last_main_connection_;
}

void stats::count_failed_login(std::string_view inbound) {
  const std::lock_guard lock(access_);
  ++failed_logins_[std::string(inbound)];
}

std::map<std::string, std::uint64_t, std::less<>> stats::failed_logins() const {
  const std::lock_guard lock(access_);
  return failed_logins_;
}

void stats::expect_main_connections(std::string_view inbound) {
  const std::lock_guard lock(access_);
  main_connections_.try_emplace(std::string(inbound), 0);
}

std::map<std::string, std::uint64_t, std::less<>> stats::main_connections() const {
  const std::lock_guard lock(access_);
  return main_connections_;
}

std::string_view name_of(stats::kind what) noexcept {
  constexpr std::string_view names[] = {"inbound", "outbound", "user"};
  return names[static_cast<std::size_t>(what)];
}

std::string counter_name(stats::kind what, std::string_view name, bool up) {
  return fmt::format("{}>>>{}>>>traffic>>>{}", name_of(what), name, up ? "uplink" : "downlink");
}

}  // namespace muxpro::proxy
