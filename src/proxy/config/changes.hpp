// changes(): the differences between two configurations that a running proxy cannot apply.
#pragma once

#include <muxpro/proxy/settings.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// The part that configured_proxy::reload() does not replace, so without routing and accounts of inbounds.
setting restart_only_part(const setting& root);

/// Those members of an object.
setting part_of(const setting& root, std::initializer_list<std::string_view> keys);

/// The paths at which two configurations differ, with as many steps as both have.
std::vector<std::string> changes(const setting& before, const setting& after);

}  // namespace muxpro::proxy
