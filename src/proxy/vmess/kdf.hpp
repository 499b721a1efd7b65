// The key derivation of VMess by nested HMACs. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace muxpro::proxy {

/// Each part has 64 bytes at most, and there are 3 of them at most. Throws std::runtime_error if libcrypto
/// has no SHA-256.
std::array<std::byte, 32> vmess_kdf(const_bytes key, std::initializer_list<const_bytes> path);

inline const_bytes bytes_of(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }

}  // namespace muxpro::proxy
