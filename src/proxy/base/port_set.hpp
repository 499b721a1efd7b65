// Ports, and lists of ports and ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class port_set {
 public:
  /// Parses a list such as "53,443,1000-2000". Returns nothing for any other text.
  static std::optional<port_set> parse(std::string_view text);
  static constexpr const char* allowed =
      "it must be a list of ports and ranges of 0 to 65535, such as 53,443,1000-2000";

  bool contains(std::uint16_t port) const;

 private:
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ranges_;
};

}  // namespace muxpro::proxy
