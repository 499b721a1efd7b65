// UUIDs as users write them. Ring 4, a rule.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

using uuid = std::array<std::byte, 16>;

/// 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, each with or without '-' before it. A text of 1 to
/// 30 bytes stands for a UUID of version 5 that is made of it, as in V2Ray and Xray. Returns nothing for any
/// other text. Throws std::runtime_error if libcrypto has no SHA-1.
std::optional<uuid> parse_uuid(std::string_view text);
/// "66ad4540-b58c-4ad2-9926-ea63445a9b57"
std::string to_string(const uuid& id);

}  // namespace muxpro::proxy
