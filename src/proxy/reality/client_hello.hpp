// The parts of a ClientHello (RFC 8446 section 4.1.2) that REALITY needs, and the records that carry it.
// Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// Longer ones are not read. Those of browsers have about 1,800 bytes.
inline constexpr std::size_t max_reality_hello = 16'384;

/// The handshake message at the beginning of what a client has sent, out of its records.
struct received_hello {
  enum class status : std::uint8_t { need_more, none, whole };
  status what = status::need_more;
  std::vector<std::byte> message;  ///< if it is whole, and its last record ends with it
};
/// Any cut of the input gives the same, as early as it is certain.
received_hello read_received_hello(const_bytes received);

inline constexpr std::size_t session_id_size = 32;

struct reality_hello {
  const_bytes random;                         ///< 32 bytes
  const_bytes session_id;                     ///< 0 to 32 bytes
  std::optional<std::string> server_name;     ///< as it was sent
  const_bytes x25519;                         ///< 32 bytes, empty without such a key share
  bool has_tls13 = false;                     ///< in supported_versions
  std::vector<std::byte> without_session_id;  ///< the message with zeros where its session id is
};
/// Returns nothing if `message` is no ClientHello. The result refers to `message`.
std::optional<reality_hello> parse_reality_hello(const_bytes message);

}  // namespace muxpro::proxy
