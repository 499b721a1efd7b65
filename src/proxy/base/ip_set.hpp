// Blocks of IP addresses, and sets of them. Ring 4, a rule without I/O.
#pragma once

#include <asio/ip/address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// An address and how many of its bits count (CIDR, RFC 4632 section 3.1).
struct ip_prefix {
  asio::ip::address network;
  unsigned bits = 0;

  /// Parses "192.0.2.0/24", "2001:db8::/32", or one address. Returns nothing for any other text.
  static std::optional<ip_prefix> parse(std::string_view text);
  /// 4 or 16 octets, as geo data has them.
  static std::optional<ip_prefix> make(std::span<const std::uint8_t> octets, std::uint64_t bits);

  friend bool operator==(const ip_prefix&, const ip_prefix&) = default;
};

/// Sorted ranges that do not touch. A look-up among n of them takes log2(n) comparisons. An IPv4-mapped
/// address or block counts as the IPv4 one.
class ip_set {
 public:
  ip_set() = default;
  explicit ip_set(std::span<const ip_prefix> blocks);

  bool contains(const asio::ip::address& a) const;
  bool empty() const noexcept { return v4_.empty() && v6_.empty(); }
  /// Ranges that are left after neighbours were merged.
  std::size_t size() const noexcept { return v4_.size() + v6_.size(); }

 private:
  using key = std::array<std::uint8_t, 16>;  ///< an IPv4 address stands in the first four
  struct range {
    key first, last;
  };
  static void merge(std::vector<range>& ranges, std::size_t octets);

  std::vector<range> v4_, v6_;
};

}  // namespace muxpro::proxy
