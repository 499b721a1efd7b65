// The checksums inside of VMess heads. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <cstdint>

namespace muxpro::proxy {

/// CRC-32 of IEEE 802.3.
inline std::uint32_t crc32(const_bytes data) noexcept {
  std::uint32_t crc = 0xffffffff;
  for (const std::byte b : data) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

/// FNV-1a of 32 bits (draft-eastlake-fnv).
inline std::uint32_t fnv1a(const_bytes data) noexcept {
  std::uint32_t hash = 0x811c9dc5;
  for (const std::byte b : data) hash = (hash ^ std::to_integer<std::uint32_t>(b)) * 0x01000193;
  return hash;
}

}  // namespace muxpro::proxy
