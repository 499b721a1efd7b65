// SHAKE128 whose output is taken piece by piece, which libcrypto before 3.3 cannot do. There a second piece
// is other bytes than the continuation of the first. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

class shake128 {
 public:
  /// Bytes that are absorbed or squeezed between two permutations (FIPS 202).
  static constexpr std::size_t rate = 168;
  /// `message` has fewer than `rate` bytes.
  explicit shake128(const_bytes message) noexcept;

  std::byte next() noexcept;
  /// The next two bytes, big-endian.
  std::uint16_t next_word() noexcept;

 private:
  void permute() noexcept;

  std::array<std::uint64_t, 25> lanes_{};
  std::size_t at_ = 0;
};

}  // namespace muxpro::proxy
