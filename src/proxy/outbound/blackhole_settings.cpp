// The configuration of outbounds of protocol blackhole.
#include "proxy/engine/built_in.hpp"

#include "proxy/outbound/blackhole.hpp"

#include <muxpro/proxy/registry.hpp>

#include <memory>
#include <string>

namespace muxpro::proxy {

namespace {

void read_blackhole(settings& s, outbound_plan& to) {
  s.object({"response", "What the client gets before the end."}, [](settings& r) {
    std::string type = "none";
    r.one_of<std::string>({"type", "Nothing; the connection is closed."}, type, {{"none", "none"}});
  });
  to.datagrams = datagram_support::discarded;
  to.make = [](outbound_resources&) -> outbound_factory {
    return [](asio::io_context&) { return std::make_shared<blackhole>(); };
  };
}

}  // namespace

void add_blackhole_outbound(registry& to) {
  to.outbounds.add("blackhole", "Refuses connections and drops datagrams.", read_blackhole);
}

}  // namespace muxpro::proxy
