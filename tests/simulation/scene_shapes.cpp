// The parts of a scene that stand between client and server: a relay, or a pool of main connections.
#include "memory.hpp"
#include "raw_peer.hpp"
#include "scene.hpp"

#include <muxpro/relay.hpp>

namespace simulation {

using muxpro::role;
using muxpro::sub_stream;

namespace {
/// Both sides of a relay, for as long as it runs.
struct relayed {
  sub_stream a, b;
};
}  // namespace

void scene::relay_on(sub_stream s) {
  auto both = std::make_shared<relayed>();
  muxpro::open_request request(s.target(), s.priority());
  both->a = std::move(s);
  ++relays_;
  onward_->open(std::move(request), [this, both](error_code ec, sub_stream onward) {
    if (ec) {
      world_.expect(plan_.lenient() || *road_broken_ || leaving_, "a relay cannot open: {}", ec.message());
      return both->a.reset(muxpro::end_code::unreachable);
    }
    both->b = std::move(onward);
    muxpro::relay_options options;
    options.uplink_only = options.downlink_only = 300s;
    options.buffer = static_cast<std::size_t>(random_.size(2048, 65536));
    const auto op = world_.begin("a relay", relays_, 2000s);
    muxpro::async_relay(both->a, both->b, options,
                        [this, both, op](error_code result, muxpro::relay_result r) {
                          const memory::exempt no_failures;
                          world_.end(op);
                          world_.note("relayed", r.a_to_b, r.b_to_a);
                          world_.note("relay ends", static_cast<unsigned>(result.value()));
                        });
  });
}

void scene::build_pool() {
  muxpro::client_pool_options o;
  o.session = plan_.options(random_);
  o.max_concurrency = static_cast<std::uint32_t>(random_.size(1, 8));
  o.max_reuse = static_cast<std::uint32_t>(random_.size(1, 20));
  o.max_age = random_.time(1s, 600s);
  o.max_connections = static_cast<std::uint32_t>(random_.size(2, 8));
  o.idle_timeout = random_.time(100ms, 60s);
  if (plan_.crowd) o.max_reuse = 60'000;
  if (plan_.impatient) o.dial_timeout = random_.time(100ms, 10s);
  dials_fail_ = plan_.cuts && random_.chance(50);
  pool_ = muxpro::client_pool(
      world_.executor(), [this] { return dial(); }, o);
  has_pool_ = true;
}

asio::awaitable<link_end> scene::dial() {
  const memory::exempt no_failures;
  world_.note("dials", links_.size());
  if (dials_fail_ && random_.chance(30)) {
    *road_broken_ = true;
    throw std::system_error(asio::error::connection_refused);
  }
  const auto l = new_link();
  new_server(l);
  if (plan_.mux_cool()) watch_pooled(l);
  co_return link_end(l, 0);
}

void scene::watch_pooled(const std::shared_ptr<link>& l) {
  muxpro::session_options o;
  o.speaks = plan_.speaks;
  l->rules[0] = std::make_shared<wire_rules>(world_, first_pooled + links_.size(), role::client, o);
  pooled_.push_back({l, l->rules[0], {}, {}});
}

// Its client's session reads nothing while a queue is full. The pool opens no more over it then.
void scene::check_pooled(pooled_link& p) {
  const bool pauses = !p.wire->read_waits(0) && !p.wire->closed(0) && p.rules->opened() > 0;
  if (!pauses) p.paused_since.reset();
  if (pauses && !p.paused_since) p.paused_since = world_.now();
  if (p.paused_since && world_.now() - *p.paused_since >= plan_.grace) *held_up_ = true;
  if (!p.opened_then && pauses && !p.wire->write_waits(0)) p.opened_then = p.rules->opened();
  world_.expect(!p.opened_then || p.rules->opened() == *p.opened_then,
                "the pool opens a sub-stream over a main connection that was held up");
}

// --- datagrams

void scene::add_exchange(std::uint64_t tag) {
  auto e = std::make_unique<exchange>();
  const auto what = new_conversation(first_datagrams + tag);
  e->near = std::make_shared<courier>(world_, what, 0, plan_.courier_ways(random_));
  e->far = std::make_shared<courier>(world_, what, 1, plan_.courier_ways(random_));
  e->near->meets(e->far);
  e->far->meets(e->near);
  e->request = e->near->request();
  exchanges_.push_back(std::move(e));
  world_.after(random_.time(0ns, plan_.opening), [this, at = exchanges_.back().get()] { open(*at); });
}

void scene::open(exchange& e) {
  const std::uint64_t tag = e.near->talk().tag;
  world_.note("opens", tag);
  open_anyhow(e.request, tag, [this, &e](error_code ec, sub_stream s) {
    if (!ec) return e.near->take(std::move(s));
    world_.expect(e.near->talk().may_fail() || leaving_, "an open fails without a reason: {}", ec.message());
    e.near->talk().excused = true;
    e.near->give_up();
  });
}

void scene::exchange_arrived(std::uint64_t tag, sub_stream s) {
  const bool known = tag > first_datagrams && tag - first_datagrams <= exchanges_.size();
  world_.expect(known, "a sub-stream for the datagrams of {} arrives", tag);
  if (known) exchanges_[static_cast<std::size_t>(tag - first_datagrams - 1)]->far->take(std::move(s));
}

void scene::check_exchanges() {
  for (const auto& e : exchanges_) {
    if (!e->near->begun() || !e->far->begun()) continue;
    courier::check_counts(world_, *e->near, *e->far);
    courier::check_counts(world_, *e->far, *e->near);
  }
}

// --- peers that are no sessions of the library

void scene::add_raw_peers() {
  if (plan_.reuser) add_reuser();
  if (!plan_.hostile) return;
  for (auto n = random_.between(1, 3); n > 0; --n) add_vandal();
}

void scene::add_reuser() {
  const auto l = new_link(1000);
  new_server(l);
  const std::uint64_t rounds = random_.size(3, 40), first = first_reused;
  auto peer = std::make_shared<id_reuser>(world_, links_.size(), l, first, rounds);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    auto what = std::make_shared<conversation>(first + i);
    what->excused = true;  // the peer resets some
    habits h = plan_.both_ways(random_).second;
    h.to_send = std::min<std::uint64_t>(h.to_send, 50'000);
    h.read_most = std::max<std::size_t>(h.read_most, 4096);
    h.write_most = std::max<std::size_t>(h.write_most, 4096);
    reused_.push_back(std::make_shared<party>(world_, what, 1, h));
  }
  raw_peers_.push_back(peer);
  peer->start();
}

void scene::add_vandal() {
  const auto l = new_link(4000);
  const bool attacks_server = random_.chance(75);
  const auto h = new_host(l, attacks_server ? 1 : 0, attacks_server ? role::server : role::client);
  h->faces_vandal();
  const auto ways = [this] {
    habits out = plan_.both_ways(random_).second;
    out.any_content = true;
    out.read_most = std::max<std::size_t>(out.read_most, 4096);
    if (out.how == ending::shutdown && random_.chance(20)) out.how = ending::destroy;
    return out;
  };
  const auto meet = [this, ways](sub_stream s) {
    auto what = std::make_shared<conversation>(first_stranger + strangers_.size());
    what->excused = true;
    strangers_.push_back(std::make_shared<party>(world_, what, 1, ways()));
    strangers_.back()->take(std::move(s));
  };
  if (attacks_server) {
    h->accept(meet, random_.chance(30) ? 50 : 0, plan_.pause);
  } else {
    for (auto n = random_.between(1, 20); n > 0; --n) {
      h->open(muxpro::open_request(muxpro::destination(muxpro::network::tcp, "x.example", 1)),
              [meet](error_code ec, sub_stream s) {
                if (!ec) meet(std::move(s));
              });
    }
  }
  auto peer = std::make_shared<vandal>(world_, links_.size(), l, attacks_server ? role::client : role::server,
                                       plan_.speaks);
  raw_peers_.push_back(peer);
  peer->start();
}

}  // namespace simulation
