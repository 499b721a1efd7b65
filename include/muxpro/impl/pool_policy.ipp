#pragma once

#include <muxpro/detail/pool_policy.hpp>
#include <muxpro/impl/options.ipp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace muxpro::detail {

MUXPRO_DECL pool_policy::connection* pool_policy::find(connection_id c) noexcept {
  const auto before = [](const connection& x, connection_id id) { return x.id < id; };
  const auto at = std::lower_bound(connections_.begin(), connections_.end(), c, before);
  return at != connections_.end() && at->id == c ? &*at : nullptr;
}

MUXPRO_DECL void pool_policy::erase(connection_id c) noexcept {
  if (connection* const x = find(c)) connections_.erase(connections_.begin() + (x - connections_.data()));
}

MUXPRO_DECL std::size_t pool_policy::count(state s) const noexcept {
  const auto matches = [s](const connection& x) { return x.is == s; };
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(), matches));
}

MUXPRO_DECL double pool_policy::chance(double least, double most) {
  return std::uniform_real_distribution<double>(least, most)(random_);
}

// --- opens

MUXPRO_DECL std::size_t pool_policy::room_left(const connection& c) const noexcept {
  if (c.is != state::live || c.load >= options_.max_concurrency) return 0;
  return std::min(options_.max_concurrency - c.load, options_.max_reuse - c.opened);
}

MUXPRO_DECL std::optional<pool_policy::connection_id> pool_policy::pick() const noexcept {
  const connection* best = nullptr;
  for (const connection& c : connections_) {
    if (room_left(c) == 0 || (best && c.load >= best->load)) continue;
    best = &c;
    if (c.load == 0) break;
  }
  if (!best) return std::nullopt;
  return best->id;
}

MUXPRO_DECL bool pool_policy::full() const noexcept {
  const auto counted = [this](const connection& c) { return counts(c); };
  const auto n = std::count_if(connections_.begin(), connections_.end(), counted);
  return static_cast<std::size_t>(n) >= options_.max_connections && !pick();
}

MUXPRO_DECL bool pool_policy::opened(connection_id id) {
  connection& c = *find(id);
  ++c.load;
  if (++c.opened < options_.max_reuse) return false;
  c.is = state::retired;
  return true;
}

MUXPRO_DECL void pool_policy::stream_gone(connection_id id, time_point now, bool refused) {
  connection* const c = find(id);
  if (!c) return;
  if (--c->load == 0) c->idle_since = now;
  c->refusals = refused ? c->refusals + 1 : 0;
  if (c->refusals < refusals_in_a_row || c->is != state::live) return;
  if (counts_as_failure(*c, now)) note_failure(*c, now);
  c->is = state::retired;
}

// --- dials

MUXPRO_DECL bool pool_policy::dial_wanted() const noexcept {
  if (waiting_ == 0 || draining_) return false;
  std::size_t connections = 0, places = 0;
  for (const connection& c : connections_) {
    if (c.is == state::dialing) places += room();
    places += room_left(c);
    connections += counts(c);
  }
  if (waiting_ <= places || connections >= options_.max_connections) return false;
  return failures_ == 0 || count(state::dialing) == 0;
}

MUXPRO_DECL std::optional<pool_policy::connection_id> pool_policy::next_dial(time_point now) {
  if (now < may_dial_at() || !dial_wanted()) return std::nullopt;
  spaced_until_ = now + options_.dial_spacing;
  connection c;
  c.id = ++last_id_;
  c.since = c.dialled = now;
  connections_.push_back(c);
  return c.id;
}

MUXPRO_DECL bool pool_policy::connected(connection_id id, time_point now) {
  connection& c = *find(id);
  if (c.is != state::dialing || draining_) return erase(id), false;
  c.is = state::live;
  c.since = c.idle_since = now;
  c.age_limit = std::chrono::duration_cast<duration>(options_.max_age * chance(0.9, 1));
  c.failures_before = std::exchange(failures_, 0);
  next_dial_ = now;
  return true;
}

MUXPRO_DECL pool_policy::share pool_policy::dial_failed(connection_id id, time_point now) {
  const connection c = *find(id);
  erase(id);
  if (c.is == state::overdue) return {};
  note_failure(c, now);
  return share_of_failed();
}

MUXPRO_DECL std::optional<pool_policy::overdue_dial> pool_policy::next_overdue(time_point now) {
  for (connection& c : connections_) {
    if (c.is != state::dialing || c.since + options_.dial_timeout > now) continue;
    c.is = state::overdue;
    note_failure(c, now);
    return overdue_dial{c.id, share_of_failed()};
  }
  return std::nullopt;
}

// Without any connection or dial all waiting opens fail. Otherwise only the opens that the lost connection
// was dialled for fail. The first opens in the queue go to the dials that still run, and the last ones wait
// for dials that have not begun.
MUXPRO_DECL pool_policy::share pool_policy::share_of_failed() const noexcept {
  if (dialing() == 0 && live() == 0) return {0, waiting_};
  const std::size_t served = std::min(waiting_, dialing() * room());
  return {served, std::min(waiting_ - served, room())};
}

// Many dials of one moment that fail together are one failure, and so are many connections.
MUXPRO_DECL void pool_policy::note_failure(const connection& c, time_point now) {
  if (failures_ > 0 && c.dialled <= last_failure_) return;
  failures_ = std::max(failures_, c.failures_before) + 1;
  last_failure_ = now;
  const double longest = seconds_of(options_.backoff_max);
  const double delay = seconds_of(options_.backoff_min) * std::exp2(std::min(failures_ - 1, 60u));
  const double least = std::min(delay, std::max(longest / 2, seconds_of(options_.backoff_min)));
  const std::chrono::duration<double> wait(chance(least, std::min(2 * least, longest)));
  next_dial_ = now + std::chrono::duration_cast<duration>(wait);
}

MUXPRO_DECL bool pool_policy::counts_as_failure(const connection& c, time_point now) const noexcept {
  const bool in_use = c.is == state::live || c.is == state::excluded;
  return in_use && now - c.since < young;
}

// --- ends

MUXPRO_DECL void pool_policy::retire(connection_id id) {
  connection* const c = find(id);
  if (c && c->is == state::live) c->is = state::retired;
}

MUXPRO_DECL void pool_policy::exclude(connection_id id) {
  connection* const c = find(id);
  if (c && c->is == state::live) c->is = state::excluded;
}

MUXPRO_DECL time_point pool_policy::retires_at(const connection& c) const noexcept {
  const time_point old = c.since + c.age_limit;
  return c.load > 0 ? old : std::min(old, c.idle_since + options_.idle_timeout);
}

MUXPRO_DECL std::optional<pool_policy::connection_id> pool_policy::next_retired(time_point now) {
  for (connection& c : connections_) {
    const bool due = c.is == state::retired || (c.is == state::live && retires_at(c) <= now);
    if (!due) continue;
    c.is = state::draining;
    return c.id;
  }
  return std::nullopt;
}

MUXPRO_DECL pool_policy::share pool_policy::lost(connection_id id, time_point now) {
  connection* const found = find(id);
  if (!found) return {};
  const connection c = *found;
  erase(id);
  if (!counts_as_failure(c, now)) return {};
  note_failure(c, now);
  return share_of_failed();
}

MUXPRO_DECL void pool_policy::drain() {
  draining_ = true;
  for (connection& c : connections_)
    if (c.is == state::live) c.is = state::retired;
}

MUXPRO_DECL time_point pool_policy::next_deadline() const noexcept {
  time_point next = time_point::max();
  for (const connection& c : connections_) {
    if (c.is == state::dialing) next = std::min(next, c.since + options_.dial_timeout);
    if (c.is == state::live) next = std::min(next, retires_at(c));
    if (c.is == state::retired) return time_point::min();
  }
  return dial_wanted() ? std::min(next, may_dial_at()) : next;
}

}  // namespace muxpro::detail
