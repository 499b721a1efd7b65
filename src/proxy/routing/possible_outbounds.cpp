#include "proxy/routing/router.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

bool is_of_inbound(const routing_rule& r, std::string_view tag) {
  return r.inbound_tag.empty() ||
         std::find(r.inbound_tag.begin(), r.inbound_tag.end(), tag) != r.inbound_tag.end();
}

bool is_for(const routing_rule& r, network net) {
  return r.network.empty() || r.network.find(net == network::udp ? "udp" : "tcp") != std::string::npos;
}

/// It matches whatever passes is_of_inbound() and is_for().
bool takes_all(const routing_rule& r) {
  return r.domain.empty() && r.ip.empty() && r.source_ip.empty() && r.port.empty() && r.source_port.empty() &&
         r.user.empty() && r.protocol.empty() && r.attrs.empty();
}

void add_balanced(const router_options& options, const std::string& balancer, std::vector<std::string>& to) {
  for (const balancer_options& b : options.balancers) {
    if (b.tag != balancer) continue;
    for (const std::string& tag : options.outbound_tags)
      if (std::any_of(b.selector.begin(), b.selector.end(),
                      [&](const auto& s) { return tag.starts_with(s); }))
        to.push_back(tag);
    if (!b.fallback_tag.empty()) to.push_back(b.fallback_tag);
  }
}

}  // namespace

std::vector<std::string> possible_outbounds(const router_options& options, std::string_view inbound_tag,
                                            network net) {
  std::vector<std::string> found;
  for (const routing_rule& r : options.rules) {
    if (!is_of_inbound(r, inbound_tag) || !is_for(r, net)) continue;
    if (r.outbound_tag.empty())
      add_balanced(options, r.balancer_tag, found);
    else
      found.push_back(r.outbound_tag);
    if (takes_all(r)) return found;
  }
  if (!options.outbound_tags.empty()) found.push_back(options.outbound_tags.front());
  return found;
}

}  // namespace muxpro::proxy
