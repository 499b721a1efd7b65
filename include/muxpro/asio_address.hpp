// Addresses and targets of this library as Asio's addresses and endpoints, and back.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/detail/asio.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace muxpro {

namespace detail {

template <class Octets>
Octets copied(std::span<const std::uint8_t> from) noexcept {
  Octets to{};
  std::copy_n(from.begin(), std::min(from.size(), to.size()), to.begin());
  return to;
}

}  // namespace detail

/// The IP address in Asio's type. No value for a domain name.
inline std::optional<asio::ip::address> to_ip(const address& a) noexcept {
  if (a.type() == address::kind::ipv4)
    return asio::ip::address_v4(detail::copied<asio::ip::address_v4::bytes_type>(a.octets()));
  if (a.type() == address::kind::ipv6)
    return asio::ip::address_v6(detail::copied<asio::ip::address_v6::bytes_type>(a.octets()));
  return std::nullopt;
}

/// Converts octet by octet. An IPv4 address that is mapped into IPv6 stays an IPv6 address. The scope of a
/// link-local address is left away, since the wire has no field for it.
inline address to_address(const asio::ip::address& ip) noexcept {
  if (ip.is_v4()) return address::v4(ip.to_v4().to_bytes());
  return address::v6(ip.to_v6().to_bytes());
}

/// The endpoint of an IP address and a port, for asio::ip::tcp, udp or another protocol of IP. No value for a
/// domain name, which has to be resolved first.
template <class Protocol>
std::optional<asio::ip::basic_endpoint<Protocol>> to_endpoint(const host_port& where) {
  const auto ip = to_ip(where.host);
  if (!ip) return std::nullopt;
  return asio::ip::basic_endpoint<Protocol>(*ip, where.port);
}

template <class Protocol>
host_port to_host_port(const asio::ip::basic_endpoint<Protocol>& e) noexcept {
  return {to_address(e.address()), e.port()};
}

inline destination to_destination(const asio::ip::tcp::endpoint& e) noexcept {
  return {network::tcp, to_address(e.address()), e.port()};
}
inline destination to_destination(const asio::ip::udp::endpoint& e) noexcept {
  return {network::udp, to_address(e.address()), e.port()};
}

}  // namespace muxpro
