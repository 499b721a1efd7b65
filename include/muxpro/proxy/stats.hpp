// Bytes and connections by inbound, outbound and user, counted while they flow. Ring 4.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Any thread. Names come from the configuration, never from a client: their number is bounded by it.
class stats {
 public:
  enum class kind : std::uint8_t { inbound, outbound, user };

  struct counters {
    std::atomic<std::uint64_t> up{0}, down{0};  ///< bytes, of datagrams without their addresses
    std::atomic<std::uint64_t> connections{0};  ///< since the start
    std::atomic<std::size_t> live{0};           ///< connections now
  };
  struct row {
    kind what = kind::inbound;
    std::string name;
    std::uint64_t up = 0, down = 0, connections = 0;
    std::size_t live = 0;
  };

  /// Stays where it is.
  counters& of(kind what, std::string_view name);
  std::vector<row> rows() const;

 private:
  mutable std::mutex access_;
  std::array<std::map<std::string, counters, std::less<>>, 3> all_;
};

/// "inbound", "outbound" or "user".
std::string_view name_of(stats::kind what) noexcept;
/// "inbound>>>socks>>>traffic>>>uplink", as Xray calls it.
std::string counter_name(stats::kind what, std::string_view name, bool up);

}  // namespace muxpro::proxy
