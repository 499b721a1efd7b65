// Datagrams that a proxy has carried and dropped. Ring 4, values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace muxpro::proxy {

enum class drop_reason : std::uint8_t {
  no_udp,          ///< the outbound carries no UDP
  over_rate,       ///< the user has sent more than allowed in a second
  refused_port,    ///< nat_limits::refused_ports
  refused,         ///< the association was refused a moment ago
  queue_full,      ///< the receiver is slower than the sender
  foreign_sender,  ///< from an address or a port that the association does not accept
  malformed,       ///< no datagram of SOCKS, VLESS or Trojan, or a fragment
  not_allowed,     ///< the dial policy refuses the target, or the stream has another one
  unreachable,     ///< the target has no address
  not_sent,        ///< the system has not sent it
  ended,           ///< was waiting when its association ended
};
inline constexpr std::size_t drop_reasons = 11;
/// A name for metrics, "no_udp".
std::string_view name_of(drop_reason why) noexcept;

/// Datagrams of all clients and the outside.
struct nat_counts {
  std::uint64_t over_rate = 0;  ///< were dropped since their users had sent too many
  std::uint64_t refused = 0;    ///< were dropped since their port is blocked
  /// Bytes. A client that receives much more than it sends may use an amplifier.
  std::uint64_t sent = 0, received = 0;

  nat_counts& operator+=(const nat_counts& other) noexcept {
    over_rate += other.over_rate;
    refused += other.refused;
    sent += other.sent;
    received += other.received;
    return *this;
  }
};

}  // namespace muxpro::proxy
