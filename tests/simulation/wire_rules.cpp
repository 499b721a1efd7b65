#include "wire_rules.hpp"

#include "memory.hpp"

#include <algorithm>

namespace simulation {

using muxpro::decoder;
using muxpro::role;

wire_rules::wire_rules(world& w, std::uint64_t name, role side, const muxpro::session_options& o)
    : world_(w),
      name_(name),
      side_(side),
      speaks_(o.speaks),
      single_(o.single),
      max_window_(o.max_window),
      id_quarantine_(o.id_quarantine) {
  if (!mux_cool()) return;
  out_.agreed(muxpro::version_0_1, speaks_);
  in_.agreed(muxpro::version_0_1, speaks_);
}

bool wire_rules::settled() const {
  return std::all_of(streams_.begin(), streams_.end(), [](const auto& s) { return !s.second.open(); });
}

void wire_rules::complain(const char* what, stream_id id) {
  world_.complain(fmt::format("wire of {} {}, sub-stream {}: {}", side_ == role::client ? "client" : "server",
                              name_, id, what));
}

void wire_rules::sent(const_bytes data) {
  const memory::exempt no_failures;
  while (!data.empty()) {
    const auto step = out_.next(data);
    data = data.subspan(step.consumed);
    if (step.what == decoder::status::error) return complain("no frame", 0);
    if (step.what == decoder::status::header) see_sent(out_.current(), out_.payload_left());
  }
}

void wire_rules::received(const_bytes data) {
  const memory::exempt no_failures;
  while (!data.empty() && !peer_lost_) {
    const auto step = in_.next(data);
    data = data.subspan(step.consumed);
    peer_lost_ = step.what == decoder::status::error;
    if (step.what == decoder::status::header) see_received(in_.current(), in_.payload_left());
  }
}

namespace {
constexpr const char* sends[] = {"sends Keep", "sends Negotiate", "sends New",
                                 "sends End",  "sends KeepAlive", "sends Credit"};
constexpr const char* gets[] = {"gets Keep", "gets Negotiate", "gets New",
                                "gets End",  "gets KeepAlive", "gets Credit"};

struct id_and_amount {
  std::size_t payload;
  std::uint64_t name;
  std::pair<std::uint64_t, std::uint64_t> with(stream_id id, std::uint64_t n) const {
    return {name * 100'000 + id, n};
  }
  auto operator()(const muxpro::negotiate_version&) const { return with(0, 0); }
  auto operator()(const muxpro::end& f) const { return with(f.id, static_cast<std::uint64_t>(f.code)); }
  auto operator()(const muxpro::credit_update& f) const { return with(f.id, f.increment); }
  template <class Frame>
  auto operator()(const Frame& f) const {
    return with(f.id, payload);
  }
};
}  // namespace

void wire_rules::note(const char* const* what, const muxpro::frame& f, std::size_t payload) {
  const auto [id, n] = std::visit(id_and_amount{payload, name_}, f);
  world_.note(what[f.index()], id, n);
}

void wire_rules::see_sent(const muxpro::frame& f, std::size_t payload) {
  ++frames_;
  note(sends, f, payload);
  if (!peer_honest_) return;
  if (const auto* x = std::get_if<muxpro::new_stream>(&f)) open(*x, payload, true);
  if (const auto* x = std::get_if<muxpro::keep>(&f)) {
    stream& s = streams_[x->id];
    if (s.ended) complain("data behind an End", x->id);
    if (payload == 0 && !s.udp) complain("an empty Keep", x->id);
    check_length(s, x->id, payload);
    s.sent += payload;
    if (s.sent > s.allowed && !mux_cool()) complain("data without credit", x->id);
  }
  if (const auto* x = std::get_if<muxpro::end>(&f)) {
    stream& s = streams_[x->id];
    if (s.ended && !forgotten(s)) complain("a second End", x->id);
    s.ended = true;
    s.ended_at = world_.now();
    s.aborted = x->code != muxpro::end_code::graceful;
  }
  if (const auto* x = std::get_if<muxpro::credit_update>(&f)) send_credit(*x);
}

void wire_rules::send_credit(const muxpro::credit_update& f) {
  stream& s = streams_[f.id];
  if (s.aborted) complain("credit behind an abort", f.id);
  // What came at this moment may wait for the next turn of the read loop.
  const bool both = s.ended && s.peer_ended && s.peer_ended_at < world_.now();
  if (both) complain("credit behind both Ends", f.id);
  if (f.increment == 0) complain("credit of 0", f.id);
  s.granted += f.increment;
  if (s.granted > s.received + max_window_) complain("more granted than came and the window holds", f.id);
}

// What V2Ray and Xray take at once; longer datagrams are fatal to their main connection.
void wire_rules::check_length(const stream& s, stream_id id, std::size_t payload) {
  const auto& rules = muxpro::detail::rules_of(speaks_);
  if (payload > (s.udp ? rules.longest_datagram : rules.longest_data)) complain("a frame too long", id);
}

// Ids of Mux.Cool count up from 1, and V2Ray takes 128 of one main connection.
void wire_rules::check_id(stream_id id) {
  const std::uint64_t expected = single_ ? 0 : opened_;
  if (id != expected) complain("an id out of turn", id);
  if (opened_ > 128) complain("more than 128 sub-streams over one main connection", id);
}

void wire_rules::see_received(const muxpro::frame& f, std::size_t payload) {
  note(gets, f, payload);
  if (!peer_honest_) return;
  if (const auto* x = std::get_if<muxpro::new_stream>(&f)) open(*x, payload, false);
  if (const auto* x = std::get_if<muxpro::keep>(&f)) streams_[x->id].received += payload;
  if (const auto* x = std::get_if<muxpro::credit_update>(&f)) streams_[x->id].allowed += x->increment;
  if (const auto* x = std::get_if<muxpro::end>(&f)) {
    streams_[x->id].peer_ended = true;
    streams_[x->id].peer_ended_at = world_.now();
  }
}

void wire_rules::open(const muxpro::new_stream& f, std::size_t payload, bool ours) {
  if (ours != (side_ == role::client)) complain("New from a server", f.id);
  ++opened_;
  if (mux_cool() && ours) check_id(f.id);
  stream& s = streams_[f.id];
  const bool reserved = f.id == 0 && !mux_cool();
  if (reserved || (s.open() && !forgotten(s))) complain("New for an id in use", f.id);
  s = stream();
  s.ended = s.peer_ended = false;
  s.udp = f.target.net == muxpro::network::udp;
  if (ours) check_length(s, f.id, payload);
  (ours ? s.sent : s.received) = payload;
}

}  // namespace simulation
