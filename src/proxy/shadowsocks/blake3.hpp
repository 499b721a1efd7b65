// BLAKE3 of one chunk, which OpenSSL does not have. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace muxpro::proxy {

using blake3_digest = std::array<std::byte, 32>;

/// The most bytes of a chunk (BLAKE3 specification, section 2.1). Longer inputs need a tree of chunks.
inline constexpr std::size_t blake3_chunk = 1024;

/// Throws std::length_error if `input` is longer than a chunk.
blake3_digest blake3(const_bytes input);
/// The mode derive_key. Throws std::length_error if `context` or `material` is longer than a chunk.
blake3_digest blake3_derive_key(std::string_view context, const_bytes material);

}  // namespace muxpro::proxy
