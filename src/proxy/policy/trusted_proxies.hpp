// Which peers may name another source than themselves. Ring 4, a rule.
#pragma once

#include "proxy/base/ip_set.hpp"

#include <asio/ip/address.hpp>

namespace muxpro::proxy {

/// Proxies in front of a listener, which begin every connection with a header of the PROXY protocol.
struct trusted_proxies {
  /// Every peer, as in Xray. A client that reaches the listener can then name any source.
  bool all = true;
  ip_set networks;

  /// A unix socket has no address. The permissions of its file decide which processes reach it.
  bool contain(const asio::ip::address& peer) const {
    return all || peer.is_unspecified() || networks.contains(peer);
  }
};

}  // namespace muxpro::proxy
