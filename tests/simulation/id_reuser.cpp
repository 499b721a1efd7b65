#include "content.hpp"
#include "raw_peer.hpp"

#include <algorithm>

namespace simulation {

using muxpro::end_code;

id_reuser::id_reuser(world& w, std::uint64_t name, std::shared_ptr<link> l, std::uint64_t first_tag,
                     std::uint64_t rounds)
    : raw_peer(w, name, std::move(l), muxpro::role::client),
      next_tag_(first_tag),
      last_tag_(first_tag + rounds - 1) {}

bool id_reuser::done() const {
  const bool all_free =
      std::all_of(std::begin(lines_), std::end(lines_), [](const line& l) { return l.tag == 0; });
  return lost_ || left_ || (next_tag_ > last_tag_ && all_free);
}

id_reuser::line& id_reuser::at(stream_id id) {
  const bool known = id >= 1 && id <= ids && lines_[id].tag != 0;
  world_.expect(known, "raw peer {}: a frame for sub-stream {}, which does not exist", name_, id);
  return lines_[known ? id : 0];
}

void id_reuser::act() {
  const auto id = static_cast<stream_id>(random_.between(1, ids));
  if (lines_[id].tag == 0)
    open(id);
  else
    go_on(id);
  if (!done()) later(random_.chance(50) ? 0ns : random_.time(0ns, 20ms), &id_reuser::act);
}

void id_reuser::open(stream_id id) {
  if (next_tag_ > last_tag_) return;
  line& l = lines_[id];
  l = line();
  l.tag = next_tag_++;
  l.ended = l.peer_ended = false;
  l.allowed = l.granted = 65536;
  l.to_send = random_.size(0, 30'000);
  muxpro::new_stream f;
  f.id = id;
  f.target = muxpro::destination(muxpro::network::tcp, fmt::format("t{}.example", l.tag), 80);
  const std::size_t first = random_.chance(30) ? static_cast<std::size_t>(random_.below(l.to_send + 1)) : 0;
  if (first > 0) f.data = static_cast<std::uint16_t>(first);
  l.sent = first;
  send(f, said_by(2 * l.tag, 0, first));
}

void id_reuser::go_on(stream_id id) {
  line& l = lines_[id];
  if (l.ended) return;
  if (random_.chance(3)) {
    l.ended = l.aborted = true;
    return send(muxpro::end{id, static_cast<end_code>(random_.between(1, 6))});
  }
  const std::uint64_t n = std::min({l.to_send - l.sent, l.allowed - l.sent, random_.size(1, 20'000)});
  if (n > 0) {
    const auto size = static_cast<std::size_t>(n);
    send(muxpro::keep{id, static_cast<std::uint16_t>(n), false}, said_by(2 * l.tag, l.sent, size));
    l.sent += n;
  }
  if (l.sent < l.to_send) return;
  l.ended = true;
  send(muxpro::end{id, end_code::graceful});
  settle(id);
}

void id_reuser::settle(stream_id id) {
  line& l = lines_[id];
  if (!l.ended || !l.peer_ended) return;
  l = line();
  if (random_.chance(70)) open(id);
}

void id_reuser::got_frame(const muxpro::frame& f, std::size_t payload) {
  if (const auto* x = std::get_if<muxpro::keep>(&f)) {
    current_ = x->id;
    line& l = at(x->id);
    world_.expect(!l.peer_ended, "raw peer {}: data behind an End on {}", name_, x->id);
    world_.expect(l.received + payload <= l.granted, "raw peer {}: data without credit on {}", name_, x->id);
  }
  if (const auto* x = std::get_if<muxpro::credit_update>(&f)) {
    line& l = at(x->id);
    l.allowed += x->increment;
    world_.expect(l.allowed <= l.sent + 4 * 1024 * 1024, "raw peer {}: too much credit on {}", name_, x->id);
  }
  if (const auto* x = std::get_if<muxpro::end>(&f)) {
    line& l = at(x->id);
    world_.expect(!l.peer_ended, "raw peer {}: a second End on {}", name_, x->id);
    l.peer_ended = true;
    if (x->code != end_code::graceful && !l.ended) {
      l.ended = true;
      send(muxpro::end{x->id, end_code::graceful});
    }
    settle(x->id);
  }
  world_.expect(!std::holds_alternative<muxpro::new_stream>(f), "raw peer {}: New from a server", name_);
}

void id_reuser::got_payload(const_bytes data) {
  line& l = at(current_);
  const bool own = is_said_by(2 * l.tag + 1, l.received, data);
  world_.expect(own || is_said_by(2 * l.tag, l.received, data),
                "raw peer {}: other bytes than were written on {}", name_, current_);
  l.received += data.size();
  if (l.granted - l.received > 32768) return;
  const auto more = static_cast<std::uint32_t>(65536 - (l.granted - l.received));
  l.granted += more;
  if (!l.aborted && !l.peer_ended) send(muxpro::credit_update{current_, more});
}

}  // namespace simulation
