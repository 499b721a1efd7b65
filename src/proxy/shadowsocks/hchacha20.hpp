// HChaCha20 (draft-irtf-cfrg-xchacha-03 section 2.2), which OpenSSL does not have. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>

namespace muxpro::proxy {

/// The key of ChaCha20 for all nonces of XChaCha20 that begin with `nonce`. `key` has 32 bytes, `nonce` 16.
std::array<std::byte, 32> hchacha20(const_bytes key, const_bytes nonce) noexcept;

}  // namespace muxpro::proxy
