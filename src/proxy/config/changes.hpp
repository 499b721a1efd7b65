// What is different between two configurations, as far as a proxy that runs cannot follow.
#pragma once

#include <muxpro/proxy/settings.hpp>

#include <string>
#include <vector>

namespace muxpro::proxy {

/// Less what configured_proxy::reload() takes over: routing, and the accounts of inbounds.
setting lasting_part(const setting& root);

/// The paths of what is not the same in both, with as many steps as both have.
std::vector<std::string> changes(const setting& before, const setting& after);

}  // namespace muxpro::proxy
