// trusted_proxies: the peers that may name another source than themselves. Ring 4, a rule.
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

  /// `peer` is no IPv4-mapped address. A unix socket has none. The permissions of its file decide which
  /// processes reach it.
  bool contain(const asio::ip::address& peer) const {
    if (peer.is_unspecified()) return true;
    if (networks) return networks->contains(peer);
    // An IPv6 address that contains a private one of IPv4 may be that of any peer.
    return unmapped(peer) == peer && is_private(peer);
  }
};

}  // namespace muxpro::proxy
