#pragma once

#include <muxpro/option_range.hpp>
#include <muxpro/options.hpp>

#include <fmt/format.h>

namespace muxpro {
MUXPRO_DECL std::string session_options::validate() const {
  if (versions.empty() || versions.size() > 255)
    return fmt::format("versions has {} entries, it must have 1 to 255", versions.size());
  if (speaks == dialect::go) return "speaks is go, it must be spec or mux_cool";
  if (single && speaks != dialect::mux_cool) return "single is true, it must be false but for mux_cool";

  constexpr std::uint64_t gib = 1u << 30;
  const std::string sizes = out_of_range<std::uint64_t>({
      {"max_streams", max_streams, 1, 65535},
      {"accept_backlog", accept_backlog, 1, 65535},
      {"max_quarantined", max_quarantined, 1, 65535},
      {"max_window", max_window, 65536, gib},
      {"session_window_budget", session_window_budget, 0, 1024 * gib},
      {"read_buffer", read_buffer, 1024, 16 << 20},
      {"session_out_buffer", session_out_buffer, 1024, 16 << 20},
      {"frame_quantum", frame_quantum, 1, max_extra_data},
      {"datagram_queue", datagram_queue, 1, 65536},
      {"datagram_queue_bytes", datagram_queue_bytes, 1, 64 << 20},
      {"metadata_limit", metadata_limit, 273, max_metadata},
      {"read_budget_frames", read_budget_frames, 1, 1 << 20},
      {"read_budget_bytes", read_budget_bytes, 1024, gib},
      {"control_queue", control_queue, 1, 1 << 20},
      {"credit_update_budget", credit_update_budget, 1, 1 << 30},
      {"discard_limit", discard_limit, 0, 1024 * gib},
      {"credit_stall_floor", credit_stall_floor, 1, gib},
      {"local_reset_lifetime", local_reset_lifetime, 1, 0xffffffff},
      {"premature_end.burst", premature_end.burst, 1, 1 << 30},
      {"local_reset.burst", local_reset.burst, 1, 1 << 30},
      {"glitch.burst", glitch.burst, 1, 1 << 30},
      {"keep_alive_budget.burst", keep_alive_budget.burst, 1, 1 << 30},
      {"empty_frames.burst", empty_frames.burst, 1, 1 << 30},
      {"process_budget's limit", process_budget ? process_budget->limit() : gib, 65536, 1024 * 1024 * gib},
  });
  if (!sizes.empty()) return sizes;

  constexpr double day = 86400;
  return out_of_range<double>({
      {"negotiate_timeout (s)", seconds_of(negotiate_timeout), 0.001, day},
      {"full_queue_grace (s)", seconds_of(full_queue_grace), 0.001, day},
      {"stream_idle (s)", seconds_of(stream_idle), 0.001, 365 * day},
      {"half_close_linger (s)", seconds_of(half_close_linger), 0.001, 365 * day},
      {"credit_stall_timeout (s)", seconds_of(credit_stall_timeout), 0.001, 365 * day},
      {"id_quarantine (s)", seconds_of(id_quarantine), 0.001, day},
      {"session_idle (s)", seconds_of(session_idle), 0.001, 365 * day},
      {"keep_alive_interval (s)", seconds_of(keep_alive_interval),
       keep_alive_interval == duration{} ? 0 : 0.001, day},
      {"frame_read_timeout (s)", seconds_of(frame_read_timeout), 0.001, day},
      {"close_timeout (s)", seconds_of(close_timeout), 0.001, day},
      {"write_stall_timeout (s)", seconds_of(write_stall_timeout), 0.001, day},
      {"premature_end.per_second", premature_end.per_second, 0, 1e9},
      {"local_reset.per_second", local_reset.per_second, 0, 1e9},
      {"glitch.per_second", glitch.per_second, 0, 1e9},
      {"keep_alive_budget.per_second", keep_alive_budget.per_second, 0, 1e9},
      {"empty_frames.per_second", empty_frames.per_second, 0, 1e9},
  });
}

}  // namespace muxpro
