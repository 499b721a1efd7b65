// The configuration of inbounds of protocol mux.pro.
#include "proxy/engine/built_in.hpp"
#include "proxy/inbound/settings.hpp"

#include <muxpro/option_range.hpp>

#include <chrono>
#include <string>

namespace muxpro::proxy {

namespace {

void read_mux_pro(settings& s, const policy_level& policy, inbound_plan& to) {
  mux_inbound_options o = mux_options_of(policy);
  session_options& session = o.session;
  s.number<std::uint32_t>({"maxStreams", "Open sub-streams of one main connection."}, session.max_streams, 1,
                          65535);
  s.number<std::uint32_t>({"maxWindow", "Bytes to which the window of a sub-stream may grow."},
                          session.max_window, 65536, 1 << 30);
  s.number<std::uint32_t>(
      {"maxUnnegotiated", "Connections whose negotiation is not over; further ones are dropped."},
      o.max_unnegotiated, 1, 1 << 20);
  s.number<std::uint32_t>({"maxUnnegotiatedPerSource", "Such connections from one address."},
                          o.max_unnegotiated_per_source, 1, 1 << 20);
  s.number<std::uint32_t>({"maxPerUser", "Main connections of one user at a time; further ones are closed."},
                          o.max_main_connections_per_user, 1, 1 << 20);
  s.number<std::uint32_t>(
      {"maxPerSource", "Main connections of one IPv4 address, or of the /64 of an IPv6 address, at a time."},
      o.max_main_connections_per_source, 1, 1 << 20);
  s.number<std::uint32_t>({"maxPendingDials", "Targets that are dialled at a time for one main connection."},
                          o.max_pending_dials, 1, 65535);
  s.number<std::uint32_t>({"maxWaitingDials", "Sub-streams that wait for a dial; further ones are refused."},
                          o.max_waiting_dials, 0, 65535);
  s.number<std::uint32_t>({"newRate", "Dials in a second for one main connection; 0: no limit."}, o.new_rate,
                          0, 1 << 30);
  to = plan_of(o);
}

}  // namespace

mux_inbound_options mux_inbound_options::scaled(double factor) const {
  mux_inbound_options o = *this;
  session_options& s = o.session;
  for (duration* d : {&s.negotiate_timeout, &s.stream_idle, &s.half_close_linger, &s.credit_stall_timeout,
                      &s.id_quarantine, &s.session_idle, &s.keep_alive_interval, &s.frame_read_timeout,
                      &s.write_stall_timeout, &o.relay.idle, &o.relay.uplink_only, &o.relay.downlink_only})
    *d = std::chrono::duration_cast<duration>(*d / factor);
  return o;
}

std::string mux_inbound_options::validate() const {
  for (const std::string& mistake : {session.validate(), relay.validate()})
    if (!mistake.empty()) return mistake;
  return out_of_range<std::uint64_t>({
      {"max_unnegotiated", max_unnegotiated, 1, 1 << 20},
      {"max_unnegotiated_per_source", max_unnegotiated_per_source, 1, 1 << 20},
      {"max_main_connections_per_user", max_main_connections_per_user, 1, 1 << 20},
      {"max_main_connections_per_source", max_main_connections_per_source, 1, 1 << 20},
      {"max_pending_dials", max_pending_dials, 1, 65535},
      {"max_waiting_dials", max_waiting_dials, 0, 65535},
      {"new_rate", new_rate, 0, 1 << 30},
  });
}

inbound_plan plan_of(const mux_inbound_options& o) {
  inbound_plan out;
  out.carries_datagrams = true;
  plan<mux_inbound>(out, o);
  return out;
}

void add_mux_inbound(registry& to) {
  to.inbounds.add("mux.pro", "Main connections, whose sub-streams go through the rules.", read_mux_pro);
}

}  // namespace muxpro::proxy
