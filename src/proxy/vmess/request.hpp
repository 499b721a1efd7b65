// The head of a VMess request, sealed with keys that only its user and the server have. Ring 4, a rule.
#pragma once

#include "proxy/policy/request_head.hpp"
#include "proxy/vmess/user.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

enum class vmess_security : std::uint8_t { aes_128_gcm = 3, chacha20_poly1305 = 4, none = 5 };

/// How both directions behind the head are carried.
struct vmess_body {
  enum option : std::uint8_t {
    chunks = 0x01,                ///< otherwise without encryption it is plain text
    masked_lengths = 0x04,        ///< by SHAKE128
    padding = 0x08,               ///< of random bytes, behind each chunk
    authenticated_lengths = 0x10  ///< sealed
  };
  bool has(option o) const noexcept { return (options & o) != 0; }
  bool encrypted() const noexcept { return security != vmess_security::none; }

  vmess_block iv{}, key{};
  std::uint8_t answer = 0;  ///< what the server's head begins with
  std::uint8_t options = 0;
  vmess_security security = vmess_security::aes_128_gcm;
  bool datagrams = false;  ///< each chunk is one
  bool sends_end = true;   ///< whether there is a last chunk, if there are any
};

/// What a client draws for each request.
struct vmess_random {
  std::uint32_t auth_id = 0;
  std::array<std::byte, 8> nonce{};
  std::vector<std::byte> padding;  ///< 15 bytes at most
};

/// `time` is in seconds since 1970. The host of the target must be valid.
std::vector<std::byte> seal_vmess_request(const vmess_user& user, std::int64_t time, const vmess_body& body,
                                          const destination& target, const vmess_random& random);

struct vmess_request {
  /// The request without its user. Its status is `stranger` if the head is not authentic or not valid.
  request_head head;
  vmess_body body;
};
/// `received` begins with the auth id, which is that of `user`.
vmess_request read_vmess_request(const_bytes received, const vmess_user& user);

/// A head has an auth id, a sealed length, a nonce and the sealed head. Longer heads are not sent.
inline constexpr std::size_t max_vmess_request = 16 + 18 + 8 + 512 + 16;

}  // namespace muxpro::proxy
