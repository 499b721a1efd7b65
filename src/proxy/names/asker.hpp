// Whose a look-up is. Ring 4, a rule: no I/O.
#pragma once

#include <asio/ip/address.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// The user, or the source without one: an IPv4 address or an IPv6 /64, which one host can have all of. No
/// user's key is a source's.
inline std::string asker_of(std::string_view user, const asio::ip::address& source) {
  if (!user.empty()) return "user " + std::string(user);
  if (source.is_v4()) return "address " + source.to_string();
  auto prefix = source.to_v6().to_bytes();
  std::fill(prefix.begin() + 8, prefix.end(), std::uint8_t{0});
  return "address " + asio::ip::address_v6(prefix).to_string();
}

}  // namespace muxpro::proxy
