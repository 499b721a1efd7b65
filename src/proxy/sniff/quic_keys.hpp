// The keys of a client's Initial packets, which are derived from the first packet (RFC 9001 section 5.2).
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

struct quic_version {
  std::uint32_t number;
  unsigned initial, zero_rtt, retry;  ///< packet types
  std::array<std::uint8_t, 20> salt;
  std::string_view key, iv, hp;  ///< labels of the key derivation
};

/// Null for a version that is not known.
const quic_version* find_quic_version(std::uint64_t number) noexcept;

class quic_keys {
 public:
  static constexpr std::size_t sample_size = 16, tag_size = 16;

  /// `id` is the destination connection id of the first Initial packet.
  quic_keys(const quic_version& version, const_bytes id);

  /// Returns the five bytes that mask the first byte and the packet number (RFC 9001 section 5.4). Zeros on
  /// failure.
  std::array<std::byte, 5> mask(const_bytes sample) const;
  /// Decrypts `sealed`, the tag at its end included, into `plain`. False if it is not authentic.
  bool open(std::uint64_t packet_number, const_bytes header, const_bytes sealed,
            std::vector<std::byte>& plain) const;

 private:
  std::array<std::uint8_t, 16> key_{}, hp_{};
  std::array<std::uint8_t, 12> iv_{};
};

}  // namespace muxpro::proxy
