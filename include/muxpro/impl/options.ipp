#pragma once

#include <muxpro/option_range.hpp>
#include <muxpro/options.hpp>

#include <fmt/format.h>

namespace muxpro {
namespace detail {

inline std::string wrong_size(const session_options& o) {
  constexpr std::uint64_t gib = 1u << 30;
  return out_of_range<std::uint64_t>({
      {"max_streams", o.max_streams, 1, 65535},
      {"accept_backlog", o.accept_backlog, 1, 65535},
      {"max_quarantined", o.max_quarantined, 1, 65535},
      {"max_window", o.max_window, 65536, gib},
      {"session_window_budget", o.session_window_budget, 0, 1024 * gib},
      {"read_buffer", o.read_buffer, 1024, 16 << 20},
      {"session_out_buffer", o.session_out_buffer, 1024, 16 << 20},
      {"frame_quantum", o.frame_quantum, 1, max_extra_data},
      {"datagram_queue", o.datagram_queue, 1, 65536},
      {"datagram_queue_bytes", o.datagram_queue_bytes, 1, 64 << 20},
      {"metadata_limit", o.metadata_limit, 273, max_metadata},
      {"read_budget_frames", o.read_budget_frames, 1, 1 << 20},
      {"read_budget_bytes", o.read_budget_bytes, 1024, gib},
      {"control_queue", o.control_queue, 1, 1 << 20},
      {"credit_update_budget", o.credit_update_budget, 1, 1 << 30},
      {"discard_limit", o.discard_limit, 0, 1024 * gib},
      {"credit_stall_floor", o.credit_stall_floor, 1, gib},
      {"local_reset_lifetime", o.local_reset_lifetime, 1, 0xffffffff},
      {"premature_end.burst", o.premature_end.burst, 1, 1 << 30},
      {"local_reset.burst", o.local_reset.burst, 1, 1 << 30},
      {"glitch.burst", o.glitch.burst, 1, 1 << 30},
      {"keep_alive_budget.burst", o.keep_alive_budget.burst, 1, 1 << 30},
      {"empty_frames.burst", o.empty_frames.burst, 1, 1 << 30},
      {"process_budget's limit", o.process_budget ? o.process_budget->limit() : gib, 65536,
       1024 * 1024 * gib},
  });
}

inline std::string wrong_time_or_rate(const session_options& o) {
  constexpr double day = 86400;
  return out_of_range<double>({
      {"negotiate_timeout (s)", seconds_of(o.negotiate_timeout), 0.001, day},
      {"full_queue_grace (s)", seconds_of(o.full_queue_grace), 0.001, day},
      {"stream_idle (s)", seconds_of(o.stream_idle), 0.001, 365 * day},
      {"half_close_linger (s)", seconds_of(o.half_close_linger), 0.001, 365 * day},
      {"credit_stall_timeout (s)", seconds_of(o.credit_stall_timeout), 0.001, 365 * day},
      {"id_quarantine (s)", seconds_of(o.id_quarantine), 0.001, day},
      {"session_idle (s)", seconds_of(o.session_idle), 0.001, 365 * day},
      {"keep_alive_interval (s)", seconds_of(o.keep_alive_interval),
       o.keep_alive_interval == duration{} ? 0 : 0.001, day},
      {"frame_read_timeout (s)", seconds_of(o.frame_read_timeout), 0.001, day},
      {"close_timeout (s)", seconds_of(o.close_timeout), 0.001, day},
      {"write_stall_timeout (s)", seconds_of(o.write_stall_timeout), 0.001, day},
      {"premature_end.per_second", o.premature_end.per_second, 0, 1e9},
      {"local_reset.per_second", o.local_reset.per_second, 0, 1e9},
      {"glitch.per_second", o.glitch.per_second, 0, 1e9},
      {"keep_alive_budget.per_second", o.keep_alive_budget.per_second, 0, 1e9},
      {"empty_frames.per_second", o.empty_frames.per_second, 0, 1e9},
  });
}

}  // namespace detail

MUXPRO_DECL std::string session_options::validate() const {
  if (versions.empty() || versions.size() > 255)
    return fmt::format("versions has {} entries, it must have 1 to 255", versions.size());
  if (speaks == dialect::go) return "speaks is go, it must be spec or mux_cool";
  if (single && speaks != dialect::mux_cool)
    return "single is true, which is only allowed with speaks mux_cool";
  if (const std::string size = detail::wrong_size(*this); !size.empty()) return size;
  return detail::wrong_time_or_rate(*this);
}

}  // namespace muxpro
