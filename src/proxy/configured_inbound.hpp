// The inbound that a configuration's settings describe.
#pragma once

#include <muxpro/proxy/accounts.hpp>
#include <muxpro/proxy/config.hpp>

#include <memory>

namespace muxpro::proxy {

std::shared_ptr<const inbound> make_inbound(const inbound_config& c);

/// Those who may use it; null for a protocol without accounts.
accounts* accounts_of(inbound_settings& s);

}  // namespace muxpro::proxy
