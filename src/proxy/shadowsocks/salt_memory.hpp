// salt_memory, the used salts, so that recorded bytes are not accepted twice. Ring 4, a rule. Thread-safe.
#pragma once

#include "proxy/policy/replay_filter.hpp"
#include "proxy/shadowsocks/clock.hpp"

#include <muxpro/codec.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace muxpro::proxy {

/// Is exact. A salt that was never used is never refused.
class salt_memory {
 public:
  /// Messages are valid for 30 s both ways, so salts are remembered for 60 s (SIP022 section 3.1.5).
  static salt_memory of_2022() { return {60, replay_filter<32>::usual_most}; }
  /// Messages have no time. A salt is remembered until `most` others have come, or twice as many.
  static salt_memory of_2017(std::size_t most = 50'000) {
    return {std::numeric_limits<std::int64_t>::max() / 4, most};
  }

  /// Of 32 bytes at most. Returns whether it is used for the first time.
  bool first_time(const_bytes salt, unix_time now) {
    std::array<std::byte, 32> whole{};
    std::copy_n(salt.begin(), std::min(salt.size(), whole.size()), whole.begin());
    return known_.first_time(whole, now.time_since_epoch().count());
  }

 private:
  salt_memory(std::int64_t seconds, std::size_t most) : known_(seconds, most) {}

  replay_filter<32> known_;
};

}  // namespace muxpro::proxy
