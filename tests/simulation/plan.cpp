#include "plan.hpp"

#include <algorithm>

namespace simulation {

plan::plan(dice random, muxpro::dialect d) : speaks(d) {
  const auto which = random.below(100);
  topology = which < 60 ? shape::direct : which < 80 ? shape::relay : shape::pool;
  cuts = random.chance(25);
  clogs = random.chance(30);
  impatient = random.chance(12);
  starved = random.chance(12);
  poor = random.chance(8);
  hostile = random.chance(20);
  reuser = random.chance(20);
  conversations = static_cast<std::uint32_t>(random.size(1, 12));
  opening = random.chance(50) ? 0ns : random.time(0ns, 2s);
  bulk = random.chance(8);
  most_bytes = bulk ? 300'000 : static_cast<std::size_t>(random.size(100, 400'000));
  if (random.chance(30)) cut_percent = static_cast<unsigned>(random.between(1, 50));
  if (random.chance(30)) cancel_percent = static_cast<unsigned>(random.between(1, 30));
  if (random.chance(50)) pause_percent = static_cast<unsigned>(random.between(1, 20));
  pause = random.time(1us, impatient ? duration(20s) : duration(2s));
  if (random.chance(70)) delay_ = random.time(0ns, 200ms);
  if (random.chance(50)) most_per_operation_ = static_cast<std::size_t>(random.size(bulk ? 1000 : 1, 65536));
  if (random.chance(30)) capacity_ = static_cast<std::size_t>(random.size(bulk ? 1000 : 1, 65536));
  if (random.chance(30)) slow_ = random.size(20'000, 20'000'000);
  // A link that brings nothing forward for half a minute is broken, and sessions report it.
  const auto per_delay = static_cast<std::size_t>(40'000 * std::chrono::duration<double>(delay_).count());
  capacity_ = std::max(capacity_, per_delay);
  most_bytes = std::min(most_bytes, 1000 * std::min(most_per_operation_, capacity_));
  constexpr std::uint64_t enough = 256u << 20;
  if (bulk) conversations = std::min(conversations, 4u);
  budget = std::make_shared<muxpro::buffer_budget>(poor ? random.size(65536, 600'000) : enough);
  if (mux_cool()) speak_mux_cool(random);
}

void plan::speak_mux_cool(dice& random) {
  reuser = false;
  if (random.chance(40)) couriers = static_cast<std::uint32_t>(random.between(1, 4));
  if (random.chance(30)) grace = random.time(5ms, 500ms);
  if (random.chance(30)) {  // queues fill up
    most_per_operation_ = std::max<std::size_t>(most_per_operation_, 4096);
    capacity_ = std::max<std::size_t>(capacity_, 4096);
    most_bytes = static_cast<std::size_t>(random.size(400'000, 3'000'000));
    pause_percent = static_cast<unsigned>(random.between(1, 20));
  }
  if (random.chance(8)) {
    single = true;
    topology = shape::direct;
    conversations = 0;
    couriers = 1;
  } else if (topology == shape::pool && random.chance(30)) {
    crowd = true;
    bulk = false;
    conversations = static_cast<std::uint32_t>(random.between(130, 300));
    most_bytes = std::min<std::size_t>(most_bytes, 300);
  }
  if (topology == shape::relay) couriers = 0;
}

muxpro::session_options plan::options(dice& random) const {
  muxpro::session_options o;
  o.random_seed = random.next() | 1;
  o.process_budget = budget;
  o.speaks = speaks;
  o.full_queue_grace = grace;
  if (mux_cool()) o.half_close_linger = 60s;  // a server that waits for EOF is not idle for so long
  o.single = single;
  if (random.chance(50)) o.read_buffer = static_cast<std::uint32_t>(random.size(1024, 65536));
  if (random.chance(50)) o.session_out_buffer = static_cast<std::uint32_t>(random.size(1024, 65536));
  if (random.chance(50)) o.frame_quantum = static_cast<std::uint32_t>(random.size(64, 65535));
  if (random.chance(50)) o.max_window = 65536;
  if (random.chance(30)) o.read_budget_frames = static_cast<std::uint32_t>(random.size(1, 64));
  if (random.chance(30)) o.read_budget_bytes = static_cast<std::uint32_t>(random.size(1024, 65536));
  if (random.chance(10)) o.versions = {muxpro::version_0_0};
  if (impatient) {
    o.negotiate_timeout = random.time(50ms, 10s);
    o.stream_idle = random.time(100ms, 30s);
    o.half_close_linger = random.time(100ms, 30s);
    o.credit_stall_timeout = random.time(100ms, 30s);
    o.id_quarantine = random.time(40s, 60s);
    o.session_idle = random.time(100ms, 30s);
    o.keep_alive_interval = random.time(100ms, 30s);
    o.frame_read_timeout = random.time(100ms, 30s);
    o.write_stall_timeout = random.time(100ms, 30s);
    o.max_streams = static_cast<std::uint32_t>(random.size(1, 512));
    o.accept_backlog = static_cast<std::uint32_t>(random.size(1, 512));
  }
  return o;
}

direction_habits plan::direction(dice& random, std::size_t least_per_operation) const {
  direction_habits l;
  l.delay = delay_;
  l.jitter = random.chance(50) ? 0ns : random.time(0ns, delay_ + 1us);
  l.most = std::max(most_per_operation_, least_per_operation);
  l.ragged = most_per_operation_ > 1 && random.chance(50);
  l.capacity = std::max(capacity_, least_per_operation);
  l.bytes_per_second = slow_;
  if (cuts && random.chance(50)) l.rst_at = random.size(0, 2 * most_bytes + 100);
  if (cuts && random.chance(50)) l.fin_at = random.size(0, 2 * most_bytes + 100);
  return l;
}

habits plan::ways(dice& random, int side) const {
  habits h;
  h.echo = side == 1 && random.chance(40);
  const std::uint64_t least = bulk ? 4000 : 1;
  h.write_most = static_cast<std::size_t>(random.size(least, 200'000));
  h.read_most = static_cast<std::size_t>(random.size(least, 200'000));
  h.to_send = random.chance(10) ? 0 : random.size(bulk ? 30'000 : 0, most_bytes);
  h.cancel_percent = random.chance(50) ? cancel_percent : 0;
  h.pause_percent = random.chance(50) ? pause_percent : 0;
  h.pause = pause;
  if (random.chance(cut_percent)) {
    h.how = static_cast<ending>(random.between(1, 3));
    h.cut_at = random.size(0, h.to_send);
  }
  return h;
}

std::pair<habits, habits> plan::both_ways(dice& random) const {
  auto out = std::make_pair(ways(random, 0), ways(random, 1));
  const std::uint64_t least =
      std::min({out.first.read_most, out.first.write_most, out.second.read_most, out.second.write_most});
  for (habits* h : {&out.first, &out.second}) {
    h->to_send = std::min(h->to_send, 100 * least);
    h->cut_at = std::min(h->cut_at, h->to_send);
  }
  // The End of a server ends both directions, and that of a client comes when all is over. So a server ends
  // when it has all that it waits for: a request of known length, the client's End after a long time,
  // nothing.
  if (mux_cool()) {
    out.second.waits_for = out.first.to_send;
    if (random.chance(5)) out.second.waits_for = 0;
    if (random.chance(5) && topology != shape::relay) out.second.waits_for = until_eof;
  }
  return out;
}

courier_habits plan::courier_ways(dice& random) const {
  courier_habits h;
  h.to_send = static_cast<std::uint32_t>(random.size(0, 200));
  h.longest = static_cast<std::size_t>(random.size(1, 8192 - 666));
  h.pause_percent = pause_percent;
  h.pause = std::min<duration>(pause, 200ms);
  h.cancel_percent = cancel_percent;
  return h;
}

}  // namespace simulation
