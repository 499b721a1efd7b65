// read_vmess_id(): settings that VMess clients and servers have in common. Ring 4, a rule.
#pragma once

#include "proxy/vmess/user.hpp"

#include <muxpro/proxy/settings.hpp>

#include <optional>

namespace muxpro::proxy {

/// The UUID of a user, and "alterId".
std::optional<uuid> read_vmess_id(settings& s);

}  // namespace muxpro::proxy
