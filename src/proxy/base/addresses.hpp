// Octets as addresses of Asio, and Asio's endpoints as those of the library.
#pragma once

#include <muxpro/destination.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>

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

/// Returns the address as a peer of a dual-stack socket is shown. An IPv4-mapped address becomes the IPv4
/// address. Other IPv6 addresses that contain an IPv4 address stay, unlike in dial_policy's unmapped().
inline asio::ip::address unwrapped(const asio::ip::address& a) {
  if (!a.is_v6() || !a.to_v6().is_v4_mapped()) return a;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, a.to_v6());
}

inline host_port to_host_port(const asio::ip::udp::endpoint& e) {
  const asio::ip::address a = unwrapped(e.address());
  if (a.is_v4()) return {address::v4(a.to_v4().to_bytes()), e.port()};
  return {address::v6(a.to_v6().to_bytes()), e.port()};
}

}  // namespace muxpro::proxy
