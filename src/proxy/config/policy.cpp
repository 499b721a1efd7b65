#include "proxy/config/readers.hpp"

#include "proxy/base/text.hpp"
#include "proxy/policy/nat_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

constexpr double day = 86400;

void read_level(settings& s, policy_level& to) {
  const duration second = std::chrono::seconds(1);
  s.time({"handshake", "From the first byte of a client to its complete request."}, to.handshake, second, 1,
         3600);
  s.time({"connIdle", "A connection without traffic for so long is closed."}, to.relay.idle, second, 1, day);
  s.time({"uplinkOnly",
          "Time for the client to end its side after the target has ended and all data is delivered."},
         to.relay.uplink_only, second, 1, day);
  s.time({"downlinkOnly",
          "Time for the target to end its side after the client has ended and all data is delivered."},
         to.relay.downlink_only, second, 1, day);
  std::size_t kilobytes = to.relay.buffer / 1024;
  s.number<std::size_t>(
      {"bufferSize",
       "KiB that one read of a relay takes at most. A link inside the proxy holds a quarter of it."},
      kilobytes, 4, 64 * 1024);
  to.relay.buffer = kilobytes * 1024;
  std::optional<std::uint32_t> datagrams;
  const setting_key rate{"udpRate",
                         "Datagrams per second that a user of this level may send, instead of the outbound's "
                         "udpRate. 0: no limit."};
  if (s.number<std::uint32_t>(rate, datagrams, 0, max_udp_rate))
    to.user_datagrams = datagrams_in_a_second(*datagrams);
  bool counted = true;
  for (const char* key : {"statsUserUplink", "statsUserDownlink"})
    s.flag({key, "Without effect: traffic is always counted."}, counted);
}

std::optional<std::uint32_t> level_number(std::string_view text) {
  const auto n = number<std::uint32_t>(text);
  return n && *n <= 65535 ? n : std::nullopt;
}

}  // namespace

void policy_levels::read(settings& s) {
  const setting_key key{"levels",
                        "Policies by level, a whole number from 0 to 65535. An inbound's userLevel chooses "
                        "one; outbounds have the largest values of all levels."};
  s.each_object(key, "0", [&](const std::string& name, settings& l) {
    const auto number = level_number(name);
    policy_level ignored;
    if (!number) l.wrong("there is no such level; it must be a whole number from 0 to 65535");
    read_level(l, number ? levels_[*number] : ignored);
  });
}

const policy_level& policy_levels::use(std::uint32_t n) {
  policy_level& level = levels_[n];
  level.number = n;
  return level;
}

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
