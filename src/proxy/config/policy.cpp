#include "parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace muxpro::proxy {

namespace {

constexpr double day = 86400;

void read_level(settings& s, policy_level& to) {
  const duration second = std::chrono::seconds(1);
  s.time("handshake", to.handshake, second, 1, 3600);
  s.time("connIdle", to.relay.idle, second, 1, day);
  s.time("uplinkOnly", to.relay.uplink_only, second, 1, day);
  s.time("downlinkOnly", to.relay.downlink_only, second, 1, day);
  std::size_t kilobytes = to.relay.buffer / 1024;
  s.number<std::size_t>("bufferSize", kilobytes, 4, 64 * 1024);
  to.relay.buffer = kilobytes * 1024;
  bool counted = false;  // always
  for (const char* key : {"statsUserUplink", "statsUserDownlink"}) s.flag(key, counted);
}

std::optional<std::uint32_t> level_number(std::string_view text) {
  std::uint32_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size() || n > 65535) return std::nullopt;
  return n;
}

}  // namespace

void policy_levels::read(settings& s) {
  s.each("levels", [&](const std::string& name, const setting& value, const std::string& path) {
    const auto number = level_number(name);
    if (!number) {
      s.mistakes().add(path, "there is no such level; it must be a whole number from 0 to 65535");
      return;
    }
    settings::read(value, path, s.mistakes(), [&](settings& l) { read_level(l, levels_[*number]); });
  });
}

const policy_level& policy_levels::use(std::uint32_t n) { return levels_[n]; }

policy_level policy_levels::largest() const {
  if (levels_.empty()) return {};
  policy_level out = levels_.begin()->second;
  for (const auto& [n, l] : levels_) {
    out.relay.idle = std::max(out.relay.idle, l.relay.idle);
    out.relay.uplink_only = std::max(out.relay.uplink_only, l.relay.uplink_only);
    out.relay.downlink_only = std::max(out.relay.downlink_only, l.relay.downlink_only);
    out.relay.buffer = std::max(out.relay.buffer, l.relay.buffer);
  }
  return out;
}

}  // namespace muxpro::proxy
