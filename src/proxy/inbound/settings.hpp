// Keys that the settings of several inbounds have, each with its meaning.
#pragma once

#include "proxy/http/head.hpp"
#include "proxy/inbound/mux.hpp"
#include "proxy/policy/accounts.hpp"

#include <muxpro/proxy/registry.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace muxpro::proxy {

/// The users have the level `policy`.
void read_accounts(settings& s, const policy_level& policy, accounts& to);
void read_head_limits(settings& s, http_head_limits& to);
void read_networks(settings& s, inbound_plan& to);
/// The options of main connections at a level.
mux_inbound_options mux_options_of(const policy_level& policy);
/// Returns the inbound that serves main connections inside another protocol. Null if they are not allowed.
std::shared_ptr<const mux_inbound> read_main_connections(settings& s, const policy_level& policy,
                                                         bool allowed = false);

/// The names and levels of the users of one inbound, for protocols whose users have an "email".
class user_names {
 public:
  /// `policy` must outlive it.
  explicit user_names(const inbound_policy& policy) : policy_(policy) {}
  /// `otherwise` is the name of a user without "email".
  user_account read(settings& u, std::string otherwise);

 private:
  user_account account(std::string name, std::uint32_t level);

  const inbound_policy& policy_;
  std::set<std::string> taken_;
  std::map<std::uint32_t, std::shared_ptr<const relay_options>> relays_;
};

struct keyed_inbound_options;
/// "clients", or "users".
void read_keyed_users(settings& s, const std::function<void(settings&)>& read);
void read_keyed_options(settings& s, const policy_level& policy, keyed_inbound_options& to);

/// Puts an inbound with these options into `to`.
template <class Inbound, class Options>
void plan(inbound_plan& to, Options options) {
  to.make = [options] { return std::make_shared<const Inbound>(options); };
  to.options = std::move(options);
}

}  // namespace muxpro::proxy
