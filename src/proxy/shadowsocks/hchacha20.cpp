#include "proxy/shadowsocks/hchacha20.hpp"

#include <bit>
#include <cstdint>

namespace muxpro::proxy {

namespace {

using chacha_words = std::array<std::uint32_t, 16>;

std::uint32_t little_endian(const_bytes in, std::size_t word) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out |= std::to_integer<std::uint32_t>(in[4 * word + i]) << 8 * i;
  return out;
}

// RFC 8439 section 2.1.
void quarter_round(chacha_words& v, std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
  v[a] += v[b];
  v[d] = std::rotl(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = std::rotl(v[b] ^ v[c], 12);
  v[a] += v[b];
  v[d] = std::rotl(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = std::rotl(v[b] ^ v[c], 7);
}

void double_round(chacha_words& v) {
  for (std::size_t i = 0; i < 4; ++i) quarter_round(v, i, 4 + i, 8 + i, 12 + i);
  for (std::size_t i = 0; i < 4; ++i) quarter_round(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
}

}  // namespace

std::array<std::byte, 32> hchacha20(const_bytes key, const_bytes nonce) noexcept {
  chacha_words v{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};  // "expand 32-byte k"
  for (std::size_t i = 0; i < 8; ++i) v[4 + i] = little_endian(key, i);
  for (std::size_t i = 0; i < 4; ++i) v[12 + i] = little_endian(nonce, i);
  for (int i = 0; i < 10; ++i) double_round(v);
  std::array<std::byte, 32> out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t word = i / 4;
    out[i] = static_cast<std::byte>(v[word < 4 ? word : word + 8] >> 8 * (i % 4));
  }
  return out;
}

}  // namespace muxpro::proxy
