// What a session has promised and holds of the memory that its sub-streams share, and what its peer makes of
// it.
#pragma once

#include <muxpro/detail/session_impl.hpp>

#include <algorithm>
#include <chrono>

namespace muxpro::detail {

// Promises take at most half of what the process has: the rest is for bytes that really come. Who wants more
// than a near window leaves as much to the session's others as it takes, and half of the promises to near
// windows.
MUXPRO_DECL void session_impl::window_wanted(stream_state& s, std::uint32_t larger) {
  if (short_of_memory()) return;
  const std::uint32_t now = s.window.window();
  const bool near = larger <= near_window;
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

// A window beyond near_window pays if the way is long, and if it is what takes the time: bytes that wait on
// their way would only wait in a longer queue. The way is the shortest round trip that was ever seen; one of
// the last while would take a queue that this session keeps full itself for the way.
MUXPRO_DECL void session_impl::sampled(stream_state& s, duration round_trip) noexcept {
  constexpr int much_longer = 3;
  constexpr auto far = std::chrono::milliseconds(1);
  duration& way = counted_.round_trip;
  if (way == duration{} || round_trip < way) way = std::max(round_trip, duration(1));
  s.window.pays(way >= far && round_trip <= much_longer * way);
}

}  // namespace muxpro::detail
