// The configuration of inbounds of protocol dns.
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/dns.hpp"
#include "proxy/inbound/settings.hpp"

namespace muxpro::proxy {

namespace {

void read_dns(settings& s, const policy_level& policy, inbound_plan& to) {
  dns_inbound_options o;
  o.relay = policy.relay;
  to.udp = true;
  read_networks(s, to);
  to.one_target = true;
  to.sniffs = false;
  plan<dns_inbound>(to, std::move(o));
}

}  // namespace

void add_dns_inbound(registry& to) {
  to.inbounds.add(std::string(dns_protocol),
                  "A DNS server that answers with addresses of FakeDNS, or by dns if that has servers and "
                  "there is no fakedns.",
                  read_dns);
}

}  // namespace muxpro::proxy
