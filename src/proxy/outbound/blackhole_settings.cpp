// The configuration of outbounds of protocol blackhole.
#include "proxy/engine/built_in.hpp"

#include "proxy/outbound/blackhole.hpp"

#include <muxpro/proxy/registry.hpp>

#include <memory>
#include <string>

namespace muxpro::proxy {

namespace {

void read_blackhole(settings& s, outbound_plan& to) {
  bool by_http = false;
  s.object({"response", "What the client gets before the end."}, [&](settings& r) {
    r.one_of<bool>({"type", "none: nothing, the connection is refused. http: an answer 403 of HTTP/1.1."},
                   by_http, {{"none", false}, {"http", true}});
  });
  to.datagrams = datagram_support::discarded;
  to.make = [by_http](outbound_resources&) -> outbound_factory {
    return [by_http](asio::io_context&) { return std::make_shared<blackhole>(by_http); };
  };
}

}  // namespace

void add_blackhole_outbound(registry& to) {
  to.outbounds.add("blackhole", "Refuses connections and drops datagrams.", read_blackhole);
}

}  // namespace muxpro::proxy
