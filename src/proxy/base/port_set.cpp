#include "proxy/base/port_set.hpp"

#include "proxy/base/text.hpp"

#include <algorithm>

namespace muxpro::proxy {

std::optional<port_set> port_set::parse(std::string_view text) {
  port_set s;
  while (true) {
    const std::string_view item = text.substr(0, text.find(','));
    const auto dash = item.find('-');
    const auto first = number<std::uint16_t>(item.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number<std::uint16_t>(item.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    s.ranges_.emplace_back(*first, *last);
    if (item.size() == text.size()) return s;
    text.remove_prefix(item.size() + 1);
  }
}

bool port_set::contains(std::uint16_t port) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [port](auto r) { return r.first <= port && port <= r.second; });
}

}  // namespace muxpro::proxy
