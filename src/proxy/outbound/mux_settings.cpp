// The configuration of outbounds of protocol mux.pro.
#include "proxy/dial/dial_session.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/settings.hpp"

#include <utility>

namespace muxpro::proxy {

namespace {

outbound_factory make_mux(outbound_resources& from) { return multiplexed(from, dial_session); }

}  // namespace

outbound_plan mux_plan(stream_address server) {
  outbound_plan out;
  out.server = std::move(server);
  out.mux = outbound_plan::multiplexing::always;
  out.make = make_mux;
  return out;
}

void add_mux_outbound(registry& to) {
  to.outbounds.add(
      "mux.pro",
      "Sub-streams to a muxpro server. Mux.Pro cannot confirm that a target was reached: the client "
      "gets success at once, and an unreachable target appears as a reset.",
      [](settings& s, outbound_plan& p) { p = mux_plan(read_server(s)); });
}

}  // namespace muxpro::proxy
