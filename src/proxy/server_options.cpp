#include <muxpro/option_range.hpp>
#include <muxpro/proxy/server_options.hpp>

namespace muxpro::proxy {

server_options server_options::scaled(double factor) const {
  server_options o = *this;
  session_options& s = o.session;
  for (duration* d :
       {&s.negotiate_timeout, &s.stream_idle, &s.half_close_linger, &s.credit_stall_timeout, &s.id_quarantine,
        &s.session_idle, &s.keep_alive_interval, &s.frame_read_timeout, &s.write_stall_timeout, &o.relay.idle,
        &o.relay.uplink_only, &o.relay.downlink_only, &o.dial.timeout, &o.dial.stagger, &o.nat.idle,
        &o.nat.resume, &o.user_timeout, &o.drain_timeout})
    *d = std::chrono::duration_cast<duration>(*d / factor);
  return o;
}

std::string server_options::validate() const {
  for (const std::string& mistake : {session.validate(), relay.validate(), nat.validate()})
    if (!mistake.empty()) return mistake;
  const std::string counts = out_of_range<std::uint64_t>({
      {"max_unnegotiated", max_unnegotiated, 1, 1 << 20},
      {"max_unnegotiated_per_source", max_unnegotiated_per_source, 1, 1 << 20},
      {"max_pending_dials", max_pending_dials, 1, 65535},
      {"max_waiting_dials", max_waiting_dials, 0, 65535},
      {"new_rate", new_rate, 0, 1 << 30},
      {"nat.per_session", nat.per_session, 1, 65535},
      {"nat.per_user", nat.per_user, 1, 1 << 20},
      {"nat.user_datagrams.burst", nat.user_datagrams.burst, 0, 1 << 30},
      {"log_lines", log_lines, 1, 1 << 20},
  });
  if (!counts.empty()) return counts;
  constexpr double day = 86400;
  return out_of_range<double>({
      {"dial.timeout (s)", seconds_of(dial.timeout), 0.001, day},
      {"dial.stagger (s)", seconds_of(dial.stagger), 0.001, day},
      {"nat.idle (s)", seconds_of(nat.idle), 0.001, day},
      {"nat.resume (s)", seconds_of(nat.resume), 0.001, day},
      {"nat.user_datagrams.per_second", nat.user_datagrams.per_second, 0.001, 1e8},
      {"accept_backoff (s)", seconds_of(accept_backoff), 0.001, day},
      {"user_timeout (s)", seconds_of(user_timeout), 0.001, day},
      {"drain_timeout (s)", seconds_of(drain_timeout), 0.001, day},
  });
}

}  // namespace muxpro::proxy
