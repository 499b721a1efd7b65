// by_rules(), which makes a router usable by the dispatcher, and resolves names where its rules need that.
// Ring 4.
#pragma once

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/routing/router.hpp"

#include <muxpro/proxy/dispatcher.hpp>

#include <memory>

namespace muxpro::proxy {

/// For dispatcher::route_by(). A name that `names` does not answer within `limits` has no addresses, so rules
/// about addresses do not match. `names` must outlive what uses it.
dispatcher::choose_outbound by_rules(std::shared_ptr<const router> rules, resolver& names,
                                     dial_options limits = {});

}  // namespace muxpro::proxy
