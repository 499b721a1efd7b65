// Queries of this program to DNS servers, and their replies (RFC 1035, RFC 6891). Ring 4, a rule without I/O.
#pragma once

#include <muxpro/codec.hpp>

#include <asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

enum class dns_type : std::uint16_t { a = 1, aaaa = 28 };

/// The largest requested reply by UDP, which passes every path in one piece (DNS flag day 2020).
inline constexpr std::size_t dns_udp_size = 1232;

struct dns_question {
  std::string name;  ///< of a host, see canonical_host()
  dns_type type = dns_type::a;
  std::uint16_t id = 0;
  bool edns = true;  ///< false for servers that refuse an OPT record
  /// The client whose network the server may send to other servers (RFC 7871), as 24 bits of IPv4 or 56 bits
  /// of IPv6.
  std::optional<asio::ip::address> client;
  /// The size is padded to a multiple of it (RFC 8467 section 4.1). 0 means no padding.
  std::size_t block = 0;
};

std::vector<std::byte> write_dns_question(const dns_question& q);

struct dns_reply {
  unsigned code = 0;  ///< RFC 1035 section 4.1.1
  bool truncated = false;
  /// Those of the type that was asked for, without duplicates, 16 at most.
  std::vector<asio::ip::address> addresses;
  /// The shortest TTL of all records of the answer, 0 without records.
  std::chrono::seconds ttl{0};
};

/// Returns nothing if this is no reply to that question, or it is malformed. A truncated one may have fewer
/// addresses.
std::optional<dns_reply> read_dns_reply(const_bytes message, const dns_question& asked);

}  // namespace muxpro::proxy
