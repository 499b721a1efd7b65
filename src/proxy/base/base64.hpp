// base64 of RFC 4648 section 4. Ring 4, a rule.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// Decodes base64 with padding and without other characters. Returns nothing if `text` is not base64.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace muxpro::proxy
