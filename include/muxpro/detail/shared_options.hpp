// Options that many sessions have in common, held once. Ring 1.
#pragma once

#include <muxpro/options.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

namespace muxpro::detail {

/// All fields but the functions, which cannot be compared. A new field does not compile until it is here.
inline auto comparable(const session_options& o) {
  const auto& [speaks, single, full_queue_grace, versions, negotiate_timeout, max_streams, accept_backlog,
               stream_idle, half_close_linger, credit_stall_timeout, credit_stall_floor, id_quarantine,
               max_quarantined, max_window, session_window_budget, process_budget, budget_user, read_buffer,
               session_out_buffer, frame_quantum, datagram_queue, datagram_queue_bytes, discard_limit,
               tcp_no_delay, log, session_idle, keep_alive_interval, frame_read_timeout, write_stall_timeout,
               close_timeout, random_seed, early, head, peers_head, metadata_limit, read_budget_frames,
               read_budget_bytes, control_queue, premature_end, local_reset, local_reset_lifetime, glitch,
               keep_alive_budget, empty_frames, credit_update_budget] = o;
  return std::tie(speaks, single, full_queue_grace, versions, negotiate_timeout, max_streams, accept_backlog,
                  stream_idle, half_close_linger, credit_stall_timeout, credit_stall_floor, id_quarantine,
                  max_quarantined, max_window, session_window_budget, process_budget, budget_user,
                  read_buffer, session_out_buffer, frame_quantum, datagram_queue, datagram_queue_bytes,
                  discard_limit, tcp_no_delay, session_idle, keep_alive_interval, frame_read_timeout,
                  write_stall_timeout, close_timeout, random_seed, early, head, metadata_limit,
                  read_budget_frames, read_budget_bytes, control_queue, premature_end, local_reset,
                  local_reset_lifetime, glitch, keep_alive_budget, empty_frames, credit_update_budget);
}

/// Options of the sessions that exist. Any thread.
class shared_options {
 public:
  /// The same object for equal options, unless they have functions. Those of the last few sessions are
  /// looked at.
  static std::shared_ptr<const session_options> of(session_options o) {
    if (o.log || o.peers_head) return std::make_shared<const session_options>(std::move(o));
    shared_options& all = of_process();
    const std::lock_guard lock(all.mutex_);
    for (const auto& weak : all.last_)
      if (auto known = weak.lock(); known && comparable(*known) == comparable(o)) return known;
    auto mine = std::make_shared<const session_options>(std::move(o));
    std::rotate(all.last_.rbegin(), all.last_.rbegin() + 1, all.last_.rend());
    all.last_.front() = mine;
    return mine;
  }

 private:
  // Is never destroyed, because other objects that are may own sessions.
  static shared_options& of_process() {
    static auto* const all = new shared_options;
    return *all;
  }

  std::mutex mutex_;
  std::array<std::weak_ptr<const session_options>, 4> last_;
};

}  // namespace muxpro::detail
