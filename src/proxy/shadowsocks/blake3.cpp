#include "proxy/shadowsocks/blake3.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

using blake3_words = std::array<std::uint32_t, 8>;
using blake3_block = std::array<std::uint32_t, 16>;

// Constants of the BLAKE3 specification, tables 1 to 3.
constexpr blake3_words blake3_iv{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr std::array<std::uint8_t, 16> blake3_permutation{2, 6,  3,  10, 7, 0,  4,  13,
                                                          1, 11, 12, 5,  9, 14, 15, 8};
struct blake3_flag {
  static constexpr std::uint32_t chunk_start = 1, chunk_end = 2, root = 8, derive_key_context = 32,
                                 derive_key_material = 64;
};
constexpr std::size_t blake3_block_size = 64;
constexpr int blake3_rounds = 7;

void mix(blake3_block& v, std::size_t a, std::size_t b, std::size_t c, std::size_t d, std::uint32_t x,
         std::uint32_t y) {
  v[a] += v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

void mix_round(blake3_block& v, const blake3_block& m) {
  for (std::size_t i = 0; i < 4; ++i) mix(v, i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1]);
  for (std::size_t i = 0; i < 4; ++i)
    mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i]);
}

// The counter of chunks is 0.
blake3_words compress(const blake3_words& chaining, blake3_block m, std::size_t size, std::uint32_t flags) {
  blake3_block v{};
  std::copy(chaining.begin(), chaining.end(), v.begin());
  std::copy_n(blake3_iv.begin(), 4, v.begin() + 8);
  v[14] = static_cast<std::uint32_t>(size);
  v[15] = flags;
  for (int round = 0; round < blake3_rounds; ++round) {
    mix_round(v, m);
    blake3_block next;
    for (std::size_t i = 0; i < next.size(); ++i) next[i] = m[blake3_permutation[i]];
    m = next;
  }
  blake3_words out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = v[i] ^ v[i + 8];
  return out;
}

blake3_block words_of(const_bytes text) {
  blake3_block out{};
  for (std::size_t i = 0; i < text.size(); ++i)
    out[i / 4] |= std::to_integer<std::uint32_t>(text[i]) << 8 * (i % 4);
  return out;
}

blake3_words chunk(blake3_words chaining, const_bytes input, std::uint32_t mode) {
  if (input.size() > blake3_chunk) throw std::length_error("BLAKE3 of more than one chunk");
  std::uint32_t flags = mode | blake3_flag::chunk_start;
  for (; input.size() > blake3_block_size; input = input.subspan(blake3_block_size)) {
    chaining = compress(chaining, words_of(input.first(blake3_block_size)), blake3_block_size, flags);
    flags = mode;
  }
  return compress(chaining, words_of(input), input.size(),
                  flags | blake3_flag::chunk_end | blake3_flag::root);
}

blake3_digest bytes_of_words(const blake3_words& words) {
  blake3_digest out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(words[i / 4] >> 8 * (i % 4));
  return out;
}

}  // namespace

blake3_digest blake3(const_bytes input) { return bytes_of_words(chunk(blake3_iv, input, 0)); }

blake3_digest blake3_derive_key(std::string_view context, const_bytes material) {
  const blake3_words key =
      chunk(blake3_iv, std::as_bytes(std::span(context)), blake3_flag::derive_key_context);
  return bytes_of_words(chunk(key, material, blake3_flag::derive_key_material));
}

}  // namespace muxpro::proxy
