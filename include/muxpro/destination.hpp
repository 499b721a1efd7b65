// destination, the network, host and port to which a sub-stream goes, as values. Ring 0.
#pragma once

#include <muxpro/config.hpp>

#include <fmt/format.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace muxpro {

enum class network : std::uint8_t { tcp = 1, udp = 2 };

/// An IPv4 address, an IPv6 address or a domain name. A text that spells an IP address,
/// also in brackets, always becomes that address, so that policies never see two spellings.
class address {
 public:
  /// The values are those of the wire.
  enum class kind : std::uint8_t { ipv4 = 1, domain = 2, ipv6 = 3 };

  /// 0.0.0.0
  address() noexcept = default;
  address(std::string_view text);
  address(const char* text) : address(std::string_view(text)) {}
  address(const std::string& text) : address(std::string_view(text)) {}
  static address v4(const std::array<std::uint8_t, 4>& octets) noexcept;
  static address v6(const std::array<std::uint8_t, 16>& octets) noexcept;

  kind type() const noexcept { return static_cast<kind>(value_.index() + 1); }
  bool is_domain() const noexcept { return type() == kind::domain; }
  /// Returns the 4 or 16 octets of an IP address. Empty for a domain.
  std::span<const std::uint8_t> octets() const noexcept;
  /// Returns the domain name as given. Empty for an IP address.
  std::string_view domain() const noexcept;
  /// Returns whether it can be sent, as an IP address, or as 1..255 letters, digits, '-', '.' and '_'.
  bool valid() const noexcept;
  std::string to_string() const;

  friend bool operator==(const address&, const address&) = default;
  /// IPv4 addresses before domain names before IPv6 addresses, each kind by its bytes.
  friend std::strong_ordering operator<=>(const address&, const address&) = default;

 private:
  using v4_octets = std::array<std::uint8_t, 4>;
  using v6_octets = std::array<std::uint8_t, 16>;

  std::variant<v4_octets, std::string, v6_octets> value_;  ///< in the order of kind
};

/// A host and a port without a network, as in the prefix of a datagram.
struct host_port {
  host_port() = default;
  host_port(address h, std::uint16_t p) : host(std::move(h)), port(p) {}

  address host;
  std::uint16_t port = 0;

  friend bool operator==(const host_port&, const host_port&) = default;
  friend std::strong_ordering operator<=>(const host_port&, const host_port&) = default;
};

struct destination {
  destination() = default;
  destination(muxpro::network n, address h, std::uint16_t p) : net(n), port(p), host(std::move(h)) {}

  muxpro::network net = muxpro::network::tcp;
  std::uint16_t port = 0;
  address host;

  friend bool operator==(const destination&, const destination&) = default;
  friend std::strong_ordering operator<=>(const destination&, const destination&) = default;
};

/// "tcp:example.com:443", "udp:[2001:db8::1]:53"
std::string to_string(const destination& d);
std::string to_string(const host_port& hp);

}  // namespace muxpro

template <>
struct std::hash<muxpro::address> {
  std::size_t operator()(const muxpro::address& a) const noexcept;
};
template <>
struct std::hash<muxpro::host_port> {
  std::size_t operator()(const muxpro::host_port& hp) const noexcept;
};
template <>
struct std::hash<muxpro::destination> {
  std::size_t operator()(const muxpro::destination& d) const noexcept;
};

template <>
struct fmt::formatter<muxpro::destination> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const muxpro::destination& d, Context& ctx) const {
    return fmt::formatter<std::string_view>::format(muxpro::to_string(d), ctx);
  }
};

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/destination.ipp>
#endif
