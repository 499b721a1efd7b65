// Keys that both sides of VLESS have in a configuration. Ring 4, a rule.
#pragma once

#include "proxy/base/uuid.hpp"

#include <muxpro/proxy/settings.hpp>

#include <optional>

namespace muxpro::proxy {

/// "id". Nothing: it is missing or wrong, which was reported.
std::optional<uuid> read_vless_id(settings& s);
/// "flow", of which there is only the empty one.
void read_vless_flow(settings& s);
/// "encryption" or "decryption", which must be "none".
void require_no_vless_encryption(settings& s, const setting_key& key);

}  // namespace muxpro::proxy
