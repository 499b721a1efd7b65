// The server side of SOCKS 4, 4a and 5, with handshake, last reply, and the header of datagrams. Ring 4,
// rules without I/O and clock.
#pragma once

#include "proxy/policy/accounts.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

enum class socks_version : std::uint8_t { v4 = 4, v5 = 5 };
/// Whether `first` is the first byte of SOCKS. No method of HTTP starts with it, so that one port serves
/// both.
constexpr bool begins_socks(std::byte first) noexcept {
  return first == std::byte{4} || first == std::byte{5};
}

/// CMD of RFC 1928 section 4. BIND, the third one, is not spoken.
enum class socks_command : std::uint8_t { connect = 1, udp_associate = 3 };

struct socks_request {
  socks_version version = socks_version::v5;
  socks_command command = socks_command::connect;
  /// For a UDP ASSOCIATE, where the client's datagrams will come from, mostly 0.0.0.0 and port 0.
  destination target;
  /// Without a value the client was not asked. The user id of SOCKS 4 is no proof and is left out.
  std::optional<user_account> user;

  friend bool operator==(const socks_request&, const socks_request&) = default;
};

/// From the first byte of a connection to its request. Call next() with all bytes that came and were not
/// consumed:
///   need_more: the same again, when more bytes have come
///   send:      send `reply`, drop `consumed` bytes, call again
///   request:   drop `consumed` bytes; what follows is the client's data, and socks_reply() is the answer
///   refused:   send `reply`, if there is one, and close
/// Any cut of the input gives the same steps. It never needs more than max_message bytes.
class socks_handshake {
 public:
  enum class status : std::uint8_t { need_more, send, request, refused };

  struct step {
    status what = status::need_more;
    std::size_t consumed = 0;
    std::vector<std::byte> reply;
    socks_request request;
    const char* reason = "";  ///< one sentence without secrets, when refused
    bool wrong_secret = false;
  };

  /// The longest request of SOCKS 4a, with a user id and a name of 255 bytes each. RFC 1929 has 513 bytes,
  /// RFC 1928 has 262.
  static constexpr std::size_t max_message = 8 + 256 + 256;

  /// If `users` is empty, clients do not authenticate. Otherwise all must use SOCKS 5 and the method of RFC
  /// 1929. `users` must outlive it.
  explicit socks_handshake(const accounts& users) noexcept : users_(users) {}

  step next(const_bytes received);

 private:
  enum class state : std::uint8_t { start, authentication, request, over };

  step choose_method(const_bytes in);
  step authenticate(const_bytes in);
  step read_request(const_bytes in);
  step read_version_4(const_bytes in);
  step accept(socks_version v, socks_command c, host_port where, std::size_t consumed);
  step refuse(std::vector<std::byte> reply, const char* reason);

  const accounts& users_;
  state state_ = state::start;
  std::optional<user_account> user_;
};

/// Returns the answer to a request. Without an error, `bound` is the address of this side's socket, which is
/// that of the connection to the target, or the one that awaits datagrams. SOCKS 4 has no IPv6 and sends
/// 0.0.0.0. With an error, REP of RFC 1928 section 6 is 2 rejected, 3 or 4 unreachable, 5 refused, 6 timed
/// out, 8 wrong family, else 1. CD of SOCKS 4 is 91.
std::vector<std::byte> socks_reply(socks_version v, const std::error_code& outcome,
                                   const host_port& bound = {});

/// Returns the answer to a UDP ASSOCIATE, as socks_reply() of SOCKS 5, and REP 7 for operation_not_supported.
std::vector<std::byte> socks_associate_reply(const std::error_code& outcome, const host_port& bound = {});

/// A datagram from a client or to it, without its header (RFC 1928 section 7).
struct socks_datagram {
  host_port where;
  const_bytes payload;  ///< lies inside what was read
};
/// Returns nothing if the packet must be dropped, because it is a fragment, torn, or has no valid host and
/// port.
std::optional<socks_datagram> read_socks_datagram(const_bytes packet);

/// RSV, FRAG, ATYP, the longest name, port.
inline constexpr std::size_t max_socks_datagram_header = 3 + 1 + 1 + 255 + 2;
/// Writes the header to the front of `out`, which holds max_socks_datagram_header bytes, and returns its
/// size.
std::size_t write_socks_datagram_header(const host_port& where, bytes out) noexcept;

}  // namespace muxpro::proxy
