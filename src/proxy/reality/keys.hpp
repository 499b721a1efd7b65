// The keys of REALITY, which are X25519, the key that both sides derive from it, and what the client seals
// with that in its session id. Ring 4, a rule.
#pragma once

#include "proxy/reality/client_hello.hpp"

#include <muxpro/codec.hpp>

#include <openssl/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

using key_bytes = std::array<std::byte, 32>;
using short_id = std::array<std::byte, 8>;

/// 32 bytes as base64 of URLs (RFC 4648 section 5) without padding.
std::optional<key_bytes> parse_key(std::string_view text);
std::string to_text(const key_bytes& key);
/// Parses up to 16 hexadecimal digits in pairs. Missing bytes are zero.
std::optional<short_id> parse_short_id(std::string_view text);
std::string to_text(const short_id& id);
using client_version = std::array<std::uint8_t, 3>;
/// One to three numbers of 0 to 255, with dots between.
std::optional<client_version> parse_client_version(std::string_view text);
std::string to_text(const client_version& v);

/// A private key of X25519 (RFC 7748). Any number of threads may use it at a time.
class x25519_key {
 public:
  /// Throws std::runtime_error if libcrypto has no X25519.
  explicit x25519_key(const key_bytes& private_key);

  key_bytes public_key() const;
  /// Returns nothing if the other side's public key makes no secret.
  std::optional<key_bytes> secret_with(const_bytes public_key) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
};
/// Throws std::runtime_error if libcrypto has no random numbers.
key_bytes random_key();

/// Returns the key that both sides derive, or nothing if the public key makes no secret.
std::optional<key_bytes> auth_key(const x25519_key& own, const_bytes public_key, const_bytes random);

/// What a client claims.
struct reality_claim {
  client_version version{};
  std::uint32_t time = 0;  ///< seconds since 1970
  short_id id{};

  friend bool operator==(const reality_claim&, const reality_claim&) = default;
};
using session_id = std::array<std::byte, session_id_size>;
/// `hello` is the ClientHello with zeros in place of the session id.
session_id seal_session_id(const key_bytes& key, const_bytes random, const_bytes hello,
                           const reality_claim& claim);
/// Returns nothing if it was not sealed with this key, or not for this ClientHello.
std::optional<reality_claim> open_session_id(const key_bytes& key, const reality_hello& hello);

/// What stands for the signature of the server's certificate with this Ed25519 key.
std::array<std::byte, 64> certificate_proof(const key_bytes& key, const_bytes ed25519);

}  // namespace muxpro::proxy
