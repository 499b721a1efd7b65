#include <muxpro/proxy/transport_registry.hpp>
#include <muxpro/proxy/transports/tls.hpp>

namespace muxpro::proxy {

namespace {

transport_registry::maker read_plain(settings&, role, const std::string&) { return plain_transport; }

transport_registry::maker read_tls(settings& s, role side, const std::string& server) {
  return [side, options = read_tls_options(s, side, server)] {
    return std::make_shared<const tls_transport>(side, options);
  };
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
