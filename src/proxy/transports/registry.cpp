#include <muxpro/proxy/transport_registry.hpp>
#include <muxpro/proxy/transports/tls.hpp>

namespace muxpro::proxy {

namespace {

transport_plan read_plain(settings&, role, const std::string&) { return transport_plan(plain_transport); }

transport_plan read_tls(settings& s, role side, const std::string& server) {
  const tls_options options = read_tls_options(s, side, server);
  const bool asks = !options.authority.empty() || !options.pins.empty();
  return {[side, options] { return std::make_shared<const tls_transport>(side, options); },
          side == role::server && asks};
}

}  // namespace

transport_registry& transport_registry::global() {
  static transport_registry all = [] {
    transport_registry known;
    known.add("tcp", read_plain);
    known.add("unix", read_plain);
    known.add("tls", read_tls);
    return known;
  }();
  return all;
}

}  // namespace muxpro::proxy
