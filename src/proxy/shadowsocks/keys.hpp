// The keys of Shadowsocks, from passwords to those of a session. Ring 4, a rule.
#pragma once

#include "proxy/shadowsocks/method.hpp"

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

using shadowsocks_key = std::vector<std::byte>;

/// EVP_BytesToKey of OpenSSL with MD5 and without a salt, as SIP004 has it.
shadowsocks_key key_of_password(std::string_view password, std::size_t size);

/// Parses the keys of a method of 2022, which are base64, joined by ':'. All but the last one are of servers
/// on the way. Returns nothing if one of them is no base64, or has another size.
std::optional<std::vector<shadowsocks_key>> parse_shadowsocks_keys(std::string_view text, std::size_t size);

/// Returns the key of one direction of a connection, or of a session of datagrams, by HKDF-SHA1 (SIP004) or
/// BLAKE3 (SIP022).
shadowsocks_key session_key(const shadowsocks_method& method, const_bytes key, const_bytes salt);

/// What an identity header is encrypted with (SIP023).
shadowsocks_key identity_key(const_bytes server_key, const_bytes salt);
/// What it shows of the next key.
using key_identity = std::array<std::byte, 16>;
key_identity identity_of(const_bytes key);

/// Returns random bytes of libcrypto. Throws std::runtime_error if it fails.
std::vector<std::byte> random_bytes(std::size_t size);

}  // namespace muxpro::proxy
