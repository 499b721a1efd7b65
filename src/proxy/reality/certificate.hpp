// The certificate of a REALITY server, as DER. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <vector>

namespace muxpro::proxy {

/// With this Ed25519 key (32 bytes), and `proof` (64 bytes) in place of the signature.
std::vector<std::byte> reality_certificate(const_bytes ed25519, const_bytes proof);

}  // namespace muxpro::proxy
