// HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1), which QUIC uses, too. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace muxpro::proxy {

enum class tls_digest : std::uint8_t { sha256, sha384 };
constexpr std::size_t digest_size(tls_digest d) noexcept { return d == tls_digest::sha256 ? 32 : 48; }

/// Fills `out`, which is no longer than the digest, from `secret` and `label`, with an empty context. Throws
/// std::runtime_error if libcrypto fails.
void expand_label(tls_digest d, const_bytes secret, std::string_view label, bytes out);

}  // namespace muxpro::proxy
