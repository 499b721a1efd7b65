#include "proxy/policy/final_rules.hpp"

namespace muxpro::proxy {

std::optional<bool> final_rules::decide(network net, const asio::ip::address& a, std::uint16_t port) const {
  for (const final_rule& r : all_) {
    if (!(net == network::udp ? r.udp : r.tcp)) continue;
    if (r.ports && !r.ports->contains(port)) continue;
    if (r.addresses && !r.addresses->match(a)) continue;
    return r.allows;
  }
  return std::nullopt;
}

}  // namespace muxpro::proxy
