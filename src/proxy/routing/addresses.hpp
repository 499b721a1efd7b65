// Octets as addresses of Asio.
#pragma once

#include <asio/ip/address.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace muxpro::proxy {

/// 4 or 16 octets.
inline asio::ip::address to_asio(std::span<const std::uint8_t> octets) {
  if (octets.size() == 4) {
    asio::ip::address_v4::bytes_type b{};
    std::copy(octets.begin(), octets.end(), b.begin());
    return asio::ip::address_v4(b);
  }
  asio::ip::address_v6::bytes_type b{};
  std::copy(octets.begin(), octets.end(), b.begin());
  return asio::ip::address_v6(b);
}

}  // namespace muxpro::proxy
