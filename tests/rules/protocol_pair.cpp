// Two sides of a session, connected by byte queues, with everything at random, such as the acting side, and
// the time and size of arriving pieces. An observer of both wires checks that each side ends each sub-stream
// once, that an id comes back only after both Ends, and that every byte reaches the sub-stream it was written
// to.
#include "bytes.hpp"
#include "catch.hpp"
#include "start.hpp"

#include <muxpro/detail/protocol.hpp>

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <memory>

using namespace muxpro;
using detail::protocol;
using detail::write_queue;
using rules_test::start;
using std::chrono::microseconds;
using wire_test::byte_string;
using wire_test::pick;
using wire_test::random_engine;

namespace {

constexpr std::size_t mark =
    8;  ///< bytes in front of each piece of data: tag of its sub-stream, number of the piece

struct fault : std::runtime_error {
  using runtime_error::runtime_error;
};
void demand(bool ok, const char* what) {
  if (!ok) throw fault(what);
}

/// A sub-stream of one side. `tag` names its incarnation: it travels in the target's address.
struct flow : detail::stream_rules {
  flow(stream_id stream, std::uint32_t t, std::uint8_t p, time_point now)
      : stream_rules(stream, network::tcp, p, now), tag(t) {}

  std::uint32_t tag;
  std::uint64_t credit = detail::initial_window;
  std::uint32_t sent = 0, arrived = 0;  ///< pieces
  std::uint64_t to_send = 0;            ///< bytes that the application still wants to write
  bool wants_end = false;
};

/// What both wires have carried, id by id.
class observer {
 public:
  struct wire_state {
    bool open = false;
    std::array<bool, 2> ended{}, aborted{};
    bool server_end_arrived = false;
  };

  void sees(role from, const frame& f) {
    if (const auto* n = std::get_if<new_stream>(&f)) return sees_new(n->id);
    if (const auto* k = std::get_if<keep>(&f)) demand(open(k->id) && !side(k->id, from), "Keep after End");
    if (const auto* c = std::get_if<credit_update>(&f))
      demand(open(c->id) && !ids_[c->id].aborted[index(from)], "CreditUpdate after End with a code");
    if (const auto* e = std::get_if<end>(&f)) {
      demand(open(e->id), "End for an id that nobody opened");
      demand(!side(e->id, from), "a second End");
      side(e->id, from) = true;
      ids_[e->id].aborted[index(from)] = e->code != end_code::graceful;
      ++ends;
    }
  }
  void end_reaches_client(stream_id id) { ids_[id].server_end_arrived = true; }
  /// Credit belongs to one life of an id. A server may still grant after its End(0), and then what it granted
  /// can meet the id's next life at the client; ids that count up keep a whole round between the two.
  void credit_sent(role from, std::uint32_t tag) { granted_to_[index(from)].push_back(tag); }
  std::uint32_t credit_arrives(role from) {
    auto& tags = granted_to_[index(from)];
    const std::uint32_t tag = tags.front();
    tags.pop_front();
    return tag;
  }

  bool all_ended() const {
    for (const auto& [id, s] : ids_)
      if (!s.ended[0] || !s.ended[1]) return false;
    return true;
  }

  std::uint64_t opened = 0, reused = 0, ends = 0;

 private:
  static std::size_t index(role r) { return r == role::client ? 0 : 1; }
  bool open(stream_id id) const {
    const auto it = ids_.find(id);
    return it != ids_.end() && it->second.open;
  }
  bool& side(stream_id id, role r) { return ids_[id].ended[index(r)]; }
  void sees_new(stream_id id) {
    wire_state& s = ids_[id];
    demand(!s.open || (s.ended[0] && s.server_end_arrived), "New before both Ends");
    reused += s.open ? 1 : 0;
    s = {};
    s.open = true;
    ++opened;
  }

  std::map<stream_id, wire_state> ids_;
  std::array<std::deque<std::uint32_t>, 2> granted_to_;
};

class side {
 public:
  side(role r, dialect d, const session_options& o, observer& watcher, random_engine& rng)
      : options(o), rules(r, options, queue), role_(r), watcher_(watcher), rng_(rng) {
    rules.agreed(d);
  }

  const session_options options;
  write_queue queue;
  protocol rules;
  std::map<stream_id, std::unique_ptr<flow>> flows;
  byte_string wire;  ///< sent and not yet arrived
  time_point now = start;
  unsigned refuse_one_in = 12;

  // --- the application

  void open(stream_id id, std::uint32_t tag) {
    if (rules.id_known(id) || rules.in_use >= options.max_streams) return;
    new_stream f;
    f.id = id;
    f.priority = static_cast<std::uint8_t>(rng_());
    f.target =
        destination(network::tcp,
                    address::v4({static_cast<std::uint8_t>(tag >> 24), static_cast<std::uint8_t>(tag >> 16),
                                 static_cast<std::uint8_t>(tag >> 8), static_cast<std::uint8_t>(tag)}),
                    80);
    flow& s = add(f, tag);
    if (rng_() % 2 == 0) return queue.push_control(f);
    const std::size_t n = pick(rng_, mark, 2000);
    f.data = static_cast<std::uint16_t>(n);
    queue.push_control(f);
    queue.append_control(piece(s, n));
  }
  void write(flow& s, std::uint64_t n) {
    if (s.local_ended || s.aborted || s.wants_end) return;
    s.to_send += n;
    offer(s);
  }
  void finish(flow& s) {
    s.wants_end = true;
    if (s.to_send > 0 || s.local_ended) return;
    rules.finish(s);
    settle(s);
  }
  void abort(flow& s, end_code code) {
    rules.abort(s, code);
    settle(s);
  }
  void read(flow& s, std::uint64_t n) {
    s.window.consume(n);
    if (s.remote_ended || s.aborted) return;
    if (const auto larger = s.window.desired_window(1 << 20)) s.window.resize(*larger);
    if (s.window.grant_due()) queue.push_credit(s);
  }

  // --- the wire

  void flush(std::size_t frames) {
    byte_string out;
    queue.take_control(out);
    while (auto* const s = static_cast<flow*>(queue.pop_credit())) {
      watcher_.credit_sent(role_, s->tag);
      wire_test::append(out, encoded(credit_update{s->id, s->window.grant(now)}));
    }
    for (; frames > 0; --frames) {
      auto* const s = static_cast<flow*>(queue.pop_data());
      if (!s) break;
      const std::size_t n = std::min<std::uint64_t>({s->to_send, s->credit, pick(rng_, mark, 16384)});
      s->to_send -= n;
      const byte_string data = piece(*s, n);
      wire_test::append(out, encoded(keep{s->id, static_cast<std::uint16_t>(n), false}, data));
      queue.charge(*s, n);
      offer(*s);
      if (s->wants_end && s->to_send == 0) finish(*s);
    }
    show_observer(out);
    wire_test::append(wire, out);
  }
  void arrive(const_bytes in) {
    while (!in.empty()) {
      const decoder::step s = decoder_.next(in);
      in = in.subspan(s.consumed);
      demand(s.what != decoder::status::error, "a frame that cannot be read");
      if (s.what == decoder::status::header) react(decoder_.current());
      if (s.what == decoder::status::payload) receive(s.payload);
    }
  }

 private:
  // A piece of data starts with its mark, so shorter ones wait for credit.
  static bool sendable(const flow& s) { return s.to_send >= mark && s.credit >= mark && !s.local_ended; }
  void offer(flow& s) {
    if (s.to_send < mark) s.to_send = 0;
    if (sendable(s)) queue.push_data(s);
  }
  byte_string piece(flow& s, std::size_t n) {
    byte_string out(n);
    std::memcpy(out.data(), &s.tag, 4);
    std::memcpy(out.data() + 4, &s.sent, 4);
    ++s.sent;
    s.credit -= n;
    rules.data_frame_sent();
    return out;
  }

  flow& add(const new_stream& f, std::uint32_t tag) {
    auto& slot = flows[f.id];
    demand(!slot, "an id that is in use");
    slot = std::make_unique<flow>(f.id, tag, f.priority, now);
    rules.insert(*slot);
    ++rules.in_use;
    return *slot;
  }
  void settle(flow& s) {
    if (s.aborted || s.local_ended) queue.remove_data(s);
    if (!s.finished()) return;
    if (&s == into_) into_ = nullptr;
    rules.release(s, now);
    --rules.in_use;
    flows.erase(s.id);
  }

  void react(const frame& f) {
    into_ = nullptr;
    marked_.clear();
    if (const auto* e = std::get_if<end>(&f); e && role_ == role::client) watcher_.end_reaches_client(e->id);
    const protocol::event e = rules.receive(f, now);
    auto* const s = static_cast<flow*>(e.stream);
    const role peer = role_ == role::client ? role::server : role::client;
    const std::uint32_t granted_to =
        std::holds_alternative<credit_update>(f) ? watcher_.credit_arrives(peer) : 0;
    switch (e.what) {
      case protocol::event_type::nothing: return;
      case protocol::event_type::failed: throw fault("a session that fails");
      case protocol::event_type::violated: throw fault("a violation");
      case protocol::event_type::dropped: throw fault("a loss");
      case protocol::event_type::full:
      case protocol::event_type::closed: throw fault("what only Mux.Cool has");
      case protocol::event_type::opened: return accept(std::get<new_stream>(f), e);
      case protocol::event_type::data: into_ = s; return;
      case protocol::event_type::credit:
        demand(s->tag == granted_to || role_ == role::client, "credit for a past life");
        if (s->tag == granted_to) s->credit += e.amount;
        return offer(*s);
      case protocol::event_type::ended:
      case protocol::event_type::aborted: return settle(*s);
    }
  }
  void accept(const new_stream& f, const protocol::event& e) {
    if (rng_() % refuse_one_in == 0) {
      demand(rules.refuse(f.id, end_code::resources, now).what == protocol::event_type::nothing, "a refusal");
      return;
    }
    const auto octets = f.target.host.octets();
    flow& s =
        add(f, static_cast<std::uint32_t>(octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]));
    if (e.amount == 0) return;
    demand(rules.receive_data(s, e.amount, now).what == protocol::event_type::data, "first data refused");
    into_ = &s;
  }
  void receive(const_bytes data) {
    if (!into_) return;
    const auto part = data.first(std::min(data.size(), mark - marked_.size()));
    marked_.insert(marked_.end(), part.begin(), part.end());
    if (decoder_.payload_left() > 0) return;
    std::uint32_t tag = 0, number = 0;
    std::memcpy(&tag, marked_.data(), 4);
    std::memcpy(&number, marked_.data() + 4, 4);
    demand(tag == into_->tag, "data of another sub-stream");
    demand(number == into_->arrived++, "data out of order");
  }

  void show_observer(const_bytes out) {
    while (!out.empty()) {
      const decoder::step s = sent_.next(out);
      out = out.subspan(s.consumed);
      demand(s.what != decoder::status::error, "a frame that cannot be read");
      if (s.what == decoder::status::header) watcher_.sees(role_, sent_.current());
    }
  }

  const role role_;
  observer& watcher_;
  random_engine& rng_;
  decoder decoder_, sent_;
  flow* into_ = nullptr;  ///< whose data arrives
  byte_string marked_;
};

class connected_sides {
 public:
  connected_sides(random_engine& rng, dialect d, const session_options& o = {})
      : rng_(rng), client(role::client, d, o, watcher, rng), server(role::server, d, o, watcher, rng) {}

  void random_step() {
    tick();
    side& any = rng_() % 2 == 0 ? client : server;
    if (rng_() % 6 == 0) client.open(static_cast<stream_id>(pick(rng_, 1, ids)), ++tag_);
    if (rng_() % 3 == 0) deliver();
    if (rng_() % 3 == 0) any.flush(rng_() % 8);
    if (any.flows.empty()) return;
    const auto chosen = std::next(any.flows.begin(), static_cast<std::ptrdiff_t>(rng_() % any.flows.size()));
    act(any, *chosen->second);
  }

  /// Everything that is open ends, and all that is under way arrives.
  void wind_up() {
    const auto each = [](side& s, auto deed) {
      std::vector<stream_id> all;
      for (const auto& [id, f] : s.flows) all.push_back(id);
      for (const stream_id id : all) deed(s, *s.flows[id]);
    };
    for (int round = 0; round < 100 && !quiet(); ++round) {
      for (side* s : {&client, &server}) {
        each(*s, [](side& x, flow& f) { x.read(f, f.window.unread()); });
        each(*s, [round](side& x, flow& f) { round < 90 ? x.finish(f) : x.abort(f, end_code::timeout); });
        if (round % 10 == 9) each(*s, [](side& x, flow& f) { x.rules.send_held_end(f); });
        s->flush(1000);
      }
      while (!client.wire.empty() || !server.wire.empty()) deliver();
    }
    demand(client.flows.empty() && server.flows.empty(), "a sub-stream that never ends");
    demand(watcher.all_ended(), "a side without an End");
    demand(watcher.ends == 2 * watcher.opened, "one End for each side");
    for (unsigned id = 1; id <= ids; ++id) {
      const auto known = [id](const side& s) { return s.rules.id_known(static_cast<stream_id>(id)); };
      demand(!known(client) && !known(server), "an id that stays taken");
    }
  }

  random_engine& rng_;
  observer watcher;
  side client, server;
  unsigned ids = 4;
  unsigned large_one_in = 8;   ///< of the writes
  unsigned finish_one_in = 1;  ///< of the times that its turn comes
  bool aborts = true;

 private:
  void tick() {
    now_ += microseconds(rng_() % 1000);
    client.now = server.now = now_;
  }
  void act(side& any, flow& s) {
    switch (rng_() % 8) {
      case 0: return rng_() % finish_one_in == 0 ? any.finish(s) : void();
      case 1:
        return aborts && rng_() % 2 == 0 ? any.abort(s, static_cast<end_code>(pick(rng_, 1, 6))) : void();
      case 2: return any.rules.send_held_end(s);
      case 3:
      case 4:
        return any.write(s, rng_() % large_one_in == 0 ? pick(rng_, mark, 200'000) : pick(rng_, mark, 500));
      default: return any.read(s, rng_() % 2 == 0 ? s.window.unread() : pick(rng_, 0, s.window.unread()));
    }
  }
  void deliver() {
    for (auto [from, to] : {std::pair(&client, &server), std::pair(&server, &client)}) {
      const std::size_t n = rng_() % 2 == 0 ? from->wire.size() : pick(rng_, 0, from->wire.size());
      const byte_string in(from->wire.begin(), from->wire.begin() + static_cast<std::ptrdiff_t>(n));
      from->wire.erase(from->wire.begin(), from->wire.begin() + static_cast<std::ptrdiff_t>(n));
      to->arrive(in);
    }
  }
  bool quiet() const {
    return client.flows.empty() && server.flows.empty() && client.wire.empty() && server.wire.empty() &&
           client.queue.empty() && server.queue.empty();
  }

  std::uint32_t tag_ = 0;
  time_point now_ = start;
};

std::uint64_t glitches(const side& s) {
  session_stats seen;
  s.rules.report(seen);
  return seen.glitches;
}

}  // namespace

TEST_CASE("protocol pair: one End a side in 100,000 random sequences", "[rules][protocol][pair]") {
  std::uint64_t opened = 0, reused = 0;
  for (std::uint64_t seed = 0; seed < 100'000; ++seed) {
    random_engine rng(seed);
    connected_sides sides(rng, seed % 3 == 0 ? dialect::go : dialect::spec);
    sides.large_one_in = 50;
    try {
      for (std::uint64_t step = 20 + rng() % 60; step > 0; --step) sides.random_step();
      sides.wind_up();
    } catch (const fault& f) {
      FAIL("seed " << seed << ": " << f.what());
    }
    opened += sides.watcher.opened;
    reused += sides.watcher.reused;
  }
  CHECK(opened > 400'000);
  CHECK(reused > 20'000);
}

TEST_CASE("protocol pair: long lives of a few ids with tagged data", "[rules][protocol][pair]") {
  session_options roomy;
  roomy.premature_end = roomy.local_reset = roomy.glitch = {1u << 30, 0};
  roomy.local_reset_lifetime = 1u << 30;
  for (const dialect d : {dialect::spec, dialect::go}) {
    random_engine rng(11);
    connected_sides sides(rng, d, roomy);
    try {
      for (int step = 0; step < 500'000; ++step) sides.random_step();
      sides.wind_up();
    } catch (const fault& f) {
      FAIL(f.what());
    }
    CHECK(sides.watcher.reused > 10'000);
  }
}

TEST_CASE("protocol pair: two well-behaved sides count no violations", "[rules][protocol][pair]") {
  random_engine rng(12);
  connected_sides sides(rng, dialect::spec);
  sides.ids = 50;
  sides.finish_one_in = 4;
  sides.aborts = false;
  sides.client.refuse_one_in = sides.server.refuse_one_in = 1u << 31;
  try {
    for (int step = 0; step < 500'000; ++step) sides.random_step();
    sides.wind_up();
  } catch (const fault& f) {
    FAIL(f.what());
  }
  CHECK(glitches(sides.client) == 0);
  CHECK(glitches(sides.server) == 0);
}
