// What SOCKS messages are made of, read and written. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
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

/// METHOD of RFC 1928 section 3; the version of RFC 1929 and its STATUS.
inline constexpr std::uint8_t socks_no_authentication = 0, socks_user_and_secret = 2, socks_no_method = 0xff;
inline constexpr std::uint8_t socks_subnegotiation = 1, socks_authenticated = 0, socks_not_authenticated = 1;

inline std::uint8_t octet(const_bytes in, std::size_t at) { return std::to_integer<std::uint8_t>(in[at]); }
inline std::uint16_t word(const_bytes in, std::size_t at) {
  return static_cast<std::uint16_t>(octet(in, at) << 8 | octet(in, at + 1));
}
inline std::string_view text(const_bytes in) { return {reinterpret_cast<const char*>(in.data()), in.size()}; }
inline std::vector<std::byte> octets(std::initializer_list<std::uint8_t> list) {
  const auto all = std::as_bytes(std::span(list.begin(), list.size()));
  return {all.begin(), all.end()};
}

/// ATYP, address and port (RFC 1928 section 5).
struct socks_address {
  enum class status : std::uint8_t { complete, need_more, unknown_type };
  status what = status::need_more;
  std::size_t size = 0;
  host_port where;  ///< its host may be invalid
};
/// Reads it off the front; what is behind it is not looked at.
socks_address read_socks_address(const_bytes in);

/// 255 bytes of name.
inline constexpr std::size_t max_socks_address = 1 + 1 + 255 + 2;
/// Writes it to the front of `out`, which holds max_socks_address bytes, and returns its size; 0.0.0.0 and
/// port 0 for a host that is not valid.
std::size_t write_socks_address(const host_port& where, bytes out) noexcept;
void append_socks_address(std::vector<std::byte>& out, const host_port& where);

}  // namespace muxpro::proxy
