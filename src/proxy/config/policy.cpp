#include "proxy/config/readers.hpp"

#include "proxy/base/text.hpp"
#include "proxy/policy/nat_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

constexpr double day = 86400;

/// What a relay takes for a timer of 0.
constexpr duration at_once = std::chrono::milliseconds(1);
/// KiB that a relay can work with.
constexpr std::int64_t least_buffer = 4, most_buffer = 16 * 1024;

// In Xray 0 stands for no buffer, and a negative number for one without a limit.
void read_buffer_size(settings& s, std::size_t& to) {
  auto kilobytes = static_cast<std::int64_t>(to / 1024);
  s.number<std::int64_t>(
      {"bufferSize",
       "KiB that one read of a relay takes at most, 4 to 16384; 0 stands for 4, a negative number for 16384. "
       "A link inside the proxy holds a quarter of it."},
      kilobytes, -1'000'000, 1'000'000);
  if (kilobytes < 0) kilobytes = most_buffer;
  to = static_cast<std::size_t>(std::clamp(kilobytes, least_buffer, most_buffer)) * 1024;
}

void read_level(settings& s, policy_level& to) {
  const duration second = std::chrono::seconds(1);
  s.time({"handshake", "From the first byte of a client to its complete request."}, to.handshake, second, 1,
         3600);
  s.time({"connIdle", "A connection without traffic for so long is closed."}, to.relay.idle, second, 1, day);
  s.time({"uplinkOnly",
          "Time for the client to end its side after the target has ended and all data is delivered."},
         to.relay.uplink_only, second, 0, day);
  s.time({"downlinkOnly",
          "Time for the target to end its side after the client has ended and all data is delivered."},
         to.relay.downlink_only, second, 0, day);
  for (duration* d : {&to.relay.uplink_only, &to.relay.downlink_only}) *d = std::max(*d, at_once);
  read_buffer_size(s, to.relay.buffer);
  std::optional<std::uint32_t> datagrams;
  const setting_key rate{"udpRate",
                         "Datagrams per second that a user of this level may send, instead of the outbound's "
                         "udpRate. 0: no limit."};
  if (s.number<std::uint32_t>(rate, datagrams, 0, max_udp_rate))
    to.user_datagrams = datagrams_in_a_second(*datagrams);
  bool counted = true;
  for (const char* key : {"statsUserUplink", "statsUserDownlink", "statsUserOnline"})
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
