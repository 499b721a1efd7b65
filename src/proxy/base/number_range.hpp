// number_range, a number or a range such as "10" and "10-20". Ring 4, a rule.
#pragma once

#include "proxy/base/text.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace muxpro::proxy {

struct number_range {
  std::uint32_t least = 0, most = 0;

  static std::optional<number_range> parse(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = number<std::uint32_t>(trimmed(text.substr(0, dash)));
    const auto last =
        dash == std::string_view::npos ? first : number<std::uint32_t>(trimmed(text.substr(dash + 1)));
    if (!first || !last || *first > *last) return std::nullopt;
    return number_range{*first, *last};
  }

  friend bool operator==(const number_range&, const number_range&) = default;
};

}  // namespace muxpro::proxy
