#pragma once

#include <muxpro/detail/protocol.hpp>

#include <algorithm>

namespace muxpro::detail {

// How long an id counts as just ended, or as just answered.
inline constexpr auto recently = std::chrono::seconds(1);
inline constexpr auto late_frames_until = std::chrono::seconds(60);
// Data beyond the credit is no accident, so it weighs ten odd frames.
inline constexpr double over_credit_weight = 10;
// Codes above the known ones are counted together.
inline constexpr auto unknown_code = static_cast<end_code>(7);

MUXPRO_DECL std::optional<version> choose_version(const std::vector<version>& offered,
                                                  const std::vector<version>& known) {
  std::optional<version> best;
  for (const version v : offered)
    if (std::find(known.begin(), known.end(), v) != known.end() && (!best || v > *best)) best = v;
  return best;
}

MUXPRO_DECL protocol::protocol(role side, const session_options& options, write_queue& queue)
    : role_(side),
      options_(options),
      queue_(queue),
      quarantine_(options.max_quarantined, options.id_quarantine),
      premature_ends_(options.premature_end),
      local_resets_(options.local_reset),
      glitches_(options.glitch),
      keep_alives_(options.keep_alive_budget),
      empty_frames_(options.empty_frames) {}

MUXPRO_DECL protocol::event protocol::receive(const frame& f, time_point now) {
  return std::visit([&](const auto& x) { return on(x, now); }, f);
}

MUXPRO_DECL protocol::event protocol::on(const new_stream& f, time_point now) {
  if (role_ == role::client)
    return wire_->strays_are_normal ? count_glitch(now) : fail(errc::unexpected_frame);
  if (id_known(f.id)) return fail(errc::duplicate_id);
  if (!f.valid) return refuse(f.id, end_code::protocol_error, now);
  if (draining_ || in_use >= options_.max_streams) return refuse(f.id, end_code::resources, now);
  return {event_type::opened, nullptr, f.data.value_or(0), {}, {}};
}

MUXPRO_DECL protocol::event protocol::refuse(stream_id id, end_code code, time_point now) {
  ++refused_;
  send_end(id, code, true);
  quarantine_.add(id, now);
  // Asking for more than there is room for is no misuse. Only the queue of answers is bounded.
  const bool misuse = code == end_code::protocol_error;
  if (misuse && !charge_reset(now)) return fail(errc::too_many_local_resets);
  if (queue_flooded()) return fail(errc::too_many_unread_answers);
  return {};
}

MUXPRO_DECL protocol::event protocol::on(const keep& f, time_point now) {
  stream_rules* const s = table_.find(f.id);
  if (!s) return unknown_keep(f.id, now);
  if (s->aborted) return {};
  // Data behind the peer's own End breaks a rule of this sub-stream, as long as an End of ours can report it.
  if (s->remote_ended) return s->local_ended ? count_glitch(now) : violation(*s, now);
  if (f.addressed && s->net == network::tcp) return violation(*s, now);
  const bool empty = !f.data || (*f.data == 0 && s->net == network::tcp);
  if (empty) {
    if (!empty_frames_.take(now)) return fail(errc::too_many_empty_frames);
    return {};
  }
  return receive_data(*s, *f.data, now);
}

// A Keep for an id that was not opened gets one End(3) a second. A Keep for an id that was in use until now
// is late, and never answered.
MUXPRO_DECL protocol::event protocol::unknown_keep(stream_id id, time_point now) {
  if (quarantine_.contains(id)) return {};
  if (freed_.seen_since(id, now - late_frames_until)) return count_glitch(now);
  if (answered_.seen_since(id, now - recently)) return count_glitch(now);
  answered_.note(id, now);
  send_end(id, end_code::protocol_error, true);
  if (!charge_reset(now)) return fail(errc::too_many_local_resets);
  if (queue_flooded()) return fail(errc::too_many_unread_answers);
  return {};
}

MUXPRO_DECL protocol::event protocol::receive_data(stream_rules& s, std::uint64_t n, time_point now) {
  s.active_at = now;
  if (s.aborted) return {};
  if (s.window.receive(n, now)) return {event_type::data, &s, n, {}, {}};
  if (!wire_->credit) {
    s.window.renew();
    if (s.window.receive(n, now)) return {event_type::data, &s, n, {}, {}};
    if (s.net == network::tcp) return {event_type::full, &s, n, {}, {}};
  }
  if (s.net == network::udp) return {event_type::dropped, &s, n, {}, {}};
  const event odd = count_glitch(now, over_credit_weight);
  return odd.what == event_type::failed ? odd : violation(s, now);
}

MUXPRO_DECL protocol::event protocol::on(const end& f, time_point now) {
  ends_received_.count(std::min(f.code, unknown_code));
  stream_rules* const s = table_.find(f.id);
  if (!s) return unknown_end(f.id, now);
  s->active_at = now;
  // An End that answers another one is no abort, whatever its code.
  const bool answers = !wire_->half_closes && s->local_ended && !s->end_held;
  const bool graceful = f.code == end_code::graceful || answers;
  if (s->remote_ended && graceful) return count_glitch(now);
  s->remote_ended = true;
  if (!graceful) return peer_aborts(*s, f.code, now);
  if (s->end_held) send_held_end(*s);
  const bool unanswered = !s->local_ended && !wire_->half_closes;
  if (unanswered) finish(*s);
  return {unanswered ? event_type::closed : event_type::ended, s, 0, end_code::graceful, {}};
}

MUXPRO_DECL protocol::event protocol::unknown_end(stream_id id, time_point now) {
  if (quarantine_.release(id)) {
    freed_.note(id, now);
    return {};
  }
  const bool late = wire_->strays_are_normal && freed_.seen_since(id, now - late_frames_until);
  return late ? event{} : count_glitch(now);
}

MUXPRO_DECL protocol::event protocol::peer_aborts(stream_rules& s, end_code code, time_point now) {
  if (role_ == role::server && now - s.opened_at < recently && !premature_ends_.take(now))
    return fail(errc::too_many_premature_ends);
  s.aborted = true;
  if (!s.local_ended || s.end_held) send_end(s.id, end_code::graceful, true);
  s.local_ended = true;
  s.end_held = false;
  if (queue_flooded()) return fail(errc::too_many_unread_answers);
  return {event_type::aborted, &s, 0, code, {}};
}

MUXPRO_DECL protocol::event protocol::on(const credit_update& f, time_point now) {
  if (++credit_updates_ > options_.credit_update_budget + 10 * data_frames_sent_)
    return fail(errc::too_many_credit_updates);
  stream_rules* const s = table_.find(f.id);
  // Credit may cross our End on the wire. Only credit for an id that was not in use recently is odd.
  const bool crossed = !s && (quarantine_.contains(f.id) || freed_.seen_since(f.id, now - late_frames_until));
  if (!s) return crossed ? event{} : count_glitch(now);
  s->active_at = now;
  if (f.increment == 0) return count_glitch(now);
  if (s->local_ended) return {};
  return {event_type::credit, s, f.increment, {}, {}};
}

MUXPRO_DECL protocol::event protocol::on(const keep_alive&, time_point now) {
  if (!keep_alives_.take(now)) return fail(errc::too_many_keep_alives);
  return {};
}

MUXPRO_DECL protocol::event protocol::on(const negotiate_version&, time_point) {
  return fail(errc::unexpected_frame);
}

MUXPRO_DECL protocol::event protocol::violation(stream_rules& s, time_point now) {
  const bool within_budget = charge_reset(now);
  abort(s, end_code::protocol_error);
  if (!within_budget) return fail(errc::too_many_local_resets);
  if (queue_flooded()) return fail(errc::too_many_unread_answers);
  return {event_type::violated, &s, 0, {}, {}};
}

MUXPRO_DECL protocol::event protocol::count_glitch(time_point now, double weight) {
  ++glitch_count_;
  if (!glitches_.take(now, weight)) return fail(errc::too_many_glitches);
  return {};
}

MUXPRO_DECL bool protocol::charge_reset(time_point now) {
  return ++resets_ <= options_.local_reset_lifetime && local_resets_.take(now);
}

MUXPRO_DECL std::error_code protocol::allocate_id(stream_id& id) noexcept {
  if (draining_ || opened_ >= (options_.single ? 1 : wire_->opens)) return errc::draining;
  if (in_use >= options_.max_streams) return errc::too_many_streams;
  if (options_.single) return id = 0, std::error_code();
  for (std::uint32_t tries = 0; tries < 65536; ++tries) {
    id = next_id_++;
    if (id != 0 && !id_known(id)) return {};
  }
  return errc::too_many_streams;
}

MUXPRO_DECL void protocol::insert(stream_rules& s) {
  table_.insert(s.id, s);
  s.listed = true;
  ++opened_;
}

MUXPRO_DECL void protocol::finish(stream_rules& s) {
  if (s.local_ended) return;
  s.local_ended = true;
  if (wire_->holds_end[static_cast<std::size_t>(role_)] && !s.remote_ended) {
    s.end_held = true;
    return;
  }
  send_end(s.id, end_code::graceful, false);
}

MUXPRO_DECL void protocol::send_held_end(stream_rules& s) {
  if (!s.end_held) return;
  s.end_held = false;
  send_end(s.id, end_code::graceful, false);
}

MUXPRO_DECL void protocol::abort(stream_rules& s, end_code code) {
  if (s.aborted) return;
  s.aborted = true;
  if (!s.local_ended || s.end_held) send_end(s.id, code, false);
  s.local_ended = true;
  s.end_held = false;
}

MUXPRO_DECL void protocol::release(stream_rules& s, time_point now) {
  if (!s.listed) return;
  s.listed = false;
  table_.erase(s.id);
  if (s.remote_ended)
    freed_.note(s.id, now);
  else
    quarantine_.add(s.id, now);
}

// A reader of layout G loses its place after a code, so it gets the bare End.
MUXPRO_DECL void protocol::send_end(stream_id id, end_code code, bool provoked) {
  ends_sent_.count(code);
  queue_.push_control(end{id, wire_->codes_in_ends ? code : end_code::graceful}, provoked);
}

MUXPRO_DECL time_point protocol::forget(time_point now) noexcept {
  return std::min(freed_.forget(now, late_frames_until), answered_.forget(now, recently));
}

MUXPRO_DECL void protocol::report(session_stats& out) const {
  out.opened = opened_;
  out.refused = refused_;
  out.glitches = glitch_count_;
  out.streams = static_cast<std::uint32_t>(table_.size());
  out.ends_sent = ends_sent_.by_code();
  out.ends_received = ends_received_.by_code();
}

}  // namespace muxpro::detail
