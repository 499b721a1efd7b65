// A session's share of the memory for its sub-streams, which are windows that it has promised, and bytes that
// it holds.
#pragma once

#include <muxpro/detail/session_impl.hpp>

#include <algorithm>
#include <chrono>

namespace muxpro::detail {

// Promises take at most half of the process's budget. The rest is for bytes that have come. A window beyond
// small_path_cap takes at most half of what is left to its session, and leaves half of the promises to small
// windows.
MUXPRO_DECL void session_impl::grow_window(stream_state& s, std::uint32_t larger) {
  if (short_of_memory()) return;
  const std::uint32_t now = s.window.window();
  const bool near = larger <= small_path_cap;
  const std::uint64_t own = now - initial_window;
  const std::uint64_t left = options_.session_window_budget - promised_;
  const std::uint64_t share = near ? left : (std::max(left, own) - own) / 2;
  const std::uint64_t more = std::min<std::uint64_t>(larger - now, share);
  if (!process_budget_->try_take(more, near ? 0.5 : 0.25)) return;
  promised_ += more;
  s.window.resize(now + static_cast<std::uint32_t>(more));
}

MUXPRO_DECL void session_impl::window_returned(std::uint64_t n) noexcept {
  promised_ -= n;
  process_budget_->give(n);
}

MUXPRO_DECL bool session_impl::short_of_memory() const noexcept { return process_budget_->crowded(*this); }

MUXPRO_DECL void session_impl::buffered(std::uint64_t n) noexcept {
  counted_.unread += n;
  process_budget_->take(*this, n);
}
MUXPRO_DECL void session_impl::unbuffered(std::uint64_t n) noexcept {
  counted_.unread -= n;
  process_budget_->give(*this, n);
}
MUXPRO_DECL void session_impl::stalled_for(duration d) noexcept {
  ++counted_.credit_stalls;
  counted_.credit_stalled += d;
}

// A window beyond small_path_cap is allowed if the round trip is long, and if the path causes it and not a
// queue, because a larger window would only make that queue longer. The round trip of the path is the
// shortest that was ever seen. A recent minimum would include a queue that this session itself keeps full.
MUXPRO_DECL void session_impl::on_rtt_sample(stream_state& s, duration round_trip) noexcept {
  constexpr int much_longer = 3;
  constexpr auto far = std::chrono::milliseconds(1);
  duration& rtt = counted_.round_trip;
  if (rtt == duration{} || round_trip < rtt) rtt = std::max(round_trip, duration(1));
  s.window.allow_large(rtt >= far && round_trip <= much_longer * rtt);
}

}  // namespace muxpro::detail
