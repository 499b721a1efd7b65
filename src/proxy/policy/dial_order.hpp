// address_order, happy_eyeballs: which addresses of a name are dialled, and in which order. Ring 4, a rule.
#pragma once

#include <muxpro/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace muxpro::proxy {

/// Which addresses of a name are dialled. With ipv4 and ipv6 those of the other family only if the name has
/// no such one.
enum class dial_family : std::uint8_t { any, ipv4, ipv6, only_ipv4, only_ipv6 };

/// The order in which the addresses of a name are dialled.
struct address_order {
  /// Whether IPv6 comes first. Without a value the family of the first address does.
  std::optional<bool> v6_first;
  std::size_t in_a_row = 1;  ///< addresses of one family, before one of the other
  std::size_t at_once = 3;   ///< attempts at a time
};

/// Attempts that run beside each other (RFC 8305).
struct happy_eyeballs {
  duration stagger = std::chrono::milliseconds(250);  ///< between the starts of two attempts
  address_order order;
};

}  // namespace muxpro::proxy
