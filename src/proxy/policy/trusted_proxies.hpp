// Which peers may name another source than themselves. Ring 4, a rule.
#pragma once

#include "proxy/base/ip_set.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <asio/ip/address.hpp>

#include <optional>

namespace muxpro::proxy {

/// Proxies in front of a listener, which begin every connection with a header of the PROXY protocol.
struct trusted_proxies {
  /// None: those of is_private(), this machine among them. Clients on the Internet cannot name a source then.
  std::optional<ip_set> networks;

  /// A unix socket has no address. The permissions of its file decide which processes reach it.
  bool contain(const asio::ip::address& peer) const {
    return peer.is_unspecified() || (networks ? networks->contains(peer) : is_private(peer));
  }
};

}  // namespace muxpro::proxy
