// read_socks_address() and others: read and write the elements of SOCKS messages. Ring 4, a rule.
#pragma once

#include "proxy/base/byte_reader.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

namespace muxpro::proxy {

/// REP of RFC 1928 section 6.
enum class socks_reply_code : std::uint8_t {
  succeeded = 0,
  general_failure = 1,
  not_allowed = 2,
  network_unreachable = 3,
  host_unreachable = 4,
  connection_refused = 5,
  ttl_expired = 6,
  command_not_supported = 7,
  address_type_not_supported = 8,
};

/// METHOD of RFC 1928 section 3, the version of RFC 1929 and its STATUS.
inline constexpr std::uint8_t socks_no_authentication = 0, socks_user_and_secret = 2, socks_no_method = 0xff;
inline constexpr std::uint8_t socks_subnegotiation = 1, socks_authenticated = 0, socks_not_authenticated = 1;

inline std::vector<std::byte> octets(std::initializer_list<std::uint8_t> list) {
  const auto all = std::as_bytes(std::span(list.begin(), list.size()));
  return {all.begin(), all.end()};
}

/// Reads ATYP, address and port (RFC 1928 section 5). The host may be invalid. Returns nothing if the type is
/// unknown.
std::optional<host_port> read_socks_address(byte_reader& r);

/// 255 bytes of name.
inline constexpr std::size_t max_socks_address = 1 + 1 + 255 + 2;
/// Writes it to the front of `out`, which holds max_socks_address bytes, and returns its size. Writes 0.0.0.0
/// and port 0 for a host that is not valid.
std::size_t write_socks_address(const host_port& where, bytes out) noexcept;
void append_socks_address(std::vector<std::byte>& out, const host_port& where);

}  // namespace muxpro::proxy
