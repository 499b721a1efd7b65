// Early data of WebSocket as in Xray, which is base64 for URLs without padding, as Sec-WebSocket-Protocol.
// Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// RFC 4648 section 4.
std::string base64_encoded(const_bytes data);

std::string early_data_text(const_bytes data);
/// Returns no bytes if `text` is no early data, for example the name of a protocol. Accepts either alphabet,
/// with or without padding.
std::vector<std::byte> read_early_data(std::string_view text);

}  // namespace muxpro::proxy
