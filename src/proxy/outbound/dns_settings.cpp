// The configuration of outbounds of protocol dns.
#include "proxy/dial/dialer.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/dns.hpp"

#include <memory>

namespace muxpro::proxy {

namespace {

// In Xray these are about queries for other types than A and AAAA, which get no records here.
void read_dns_answers(settings& s, outbound_plan& to) {
  for (const char* key : {"network", "address", "port", "nonIPQuery", "blockTypes", "rules", "userLevel"})
    s.pass_over(key, "has no effect: A and AAAA are answered, other types have no records");
  to.datagrams = datagram_support::carried;
  to.make = [](outbound_resources& from) -> outbound_factory {
    return [&from](asio::io_context&) {
      return std::make_shared<dns_outbound>(from.names(), from.policy(true));
    };
  };
}

}  // namespace

void add_dns_outbound(registry& to) {
  to.outbounds.add(
      std::string(dns_protocol),
      "Answers queries of DNS itself, by the names and servers of dns, whatever server they are for.",
      read_dns_answers);
}

}  // namespace muxpro::proxy
