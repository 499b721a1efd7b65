// Keys that the settings of several inbounds have, each with its meaning.
#pragma once

#include "proxy/http/head.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/policy/accounts.hpp"

#include <muxpro/proxy/registry.hpp>

#include <memory>
#include <utility>

namespace muxpro::proxy {

/// The users have the level `policy`.
void read_accounts(settings& s, const policy_level& policy, accounts& to);
void read_head_limits(settings& s, http_head_limits& to);
void read_networks(settings& s, inbound_plan& to);
/// The options of main connections at a level.
mux_inbound_options mux_options_of(const policy_level& policy);
/// What serves main connections inside another protocol; null: they are not allowed.
std::shared_ptr<const mux_inbound> read_main_connections(settings& s, const policy_level& policy);

/// Puts an inbound with these options into `to`.
template <class Inbound, class Options>
void plan(inbound_plan& to, Options options) {
  to.make = [options] { return std::make_shared<const Inbound>(options); };
  to.options = std::move(options);
}

}  // namespace muxpro::proxy
