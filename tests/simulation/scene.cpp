#include "scene.hpp"

#include "content.hpp"
#include "memory.hpp"
#include "raw_peer.hpp"

#include <algorithm>

namespace simulation {

using muxpro::role;
using muxpro::sub_stream;

scene::scene(world& w, plan p) : world_(w), plan_(std::move(p)), random_(w.fork()) {
  w.after_each_handler([this] { check(); });
  w.at_rest([this] { check_at_rest(); });
}

scene::~scene() = default;

// --- the shape

std::shared_ptr<link> scene::new_link(std::size_t least_per_operation) {
  const direction_habits there = plan_.direction(random_, least_per_operation),
                         back = plan_.direction(random_, least_per_operation);
  auto l = std::make_shared<link>(world_, links_.size() + 1, there, back);
  links_.push_back(l);
  break_later(l);
  return l;
}

void scene::break_later(const std::shared_ptr<link>& l) {
  if (plan_.cuts && random_.chance(30)) world_.after(random_.time(0ns, 10s), [l] { l->reset(); });
  if (!plan_.clogs) return;
  duration when = random_.time(0ns, 2s);
  for (auto n = random_.between(1, 5); n > 0; --n) {
    const duration until = when + random_.time(1us, 4s);
    world_.after(when, [l] { l->clog(true); });
    world_.after(until, [l] { l->clog(false); });
    when = until + random_.time(0ns, 5s);
  }
}

std::shared_ptr<host> scene::new_host(const std::shared_ptr<link>& l, int side, role r) {
  auto h =
      std::make_shared<host>(world_, hosts_.size() + 1, l, side, r, plan_.options(random_), plan_.lenient());
  hosts_.push_back(h);
  h->notes_holding_up(held_up_);
  if (plan_.single) h->ends_with_its_stream();
  h->run();
  return h;
}

std::shared_ptr<host> scene::new_server(const std::shared_ptr<link>& l) {
  auto server = new_host(l, 1, role::server);
  server->accept([this](sub_stream s) { arrived(std::move(s)); }, random_.chance(20) ? 30 : 0, plan_.pause);
  return server;
}

void scene::build() {
  if (plan_.topology == shape::pool) {
    build_pool();
  } else if (plan_.topology == shape::relay) {
    const auto first = new_link(), second = new_link();
    client_ = new_host(first, 0, role::client);
    const auto middle = new_host(first, 1, role::server);
    middle->accept([this](sub_stream s) { relay_on(std::move(s)); }, 0, {});
    onward_ = new_host(second, 0, role::client);
    new_server(second);
  } else {
    const auto l = new_link();
    client_ = new_host(l, 0, role::client);
    new_server(l);
  }
  add_raw_peers();
  for (std::uint64_t tag = 1; tag <= plan_.conversations; ++tag) add_talk(tag);
  for (std::uint64_t tag = 1; tag <= plan_.couriers; ++tag) add_exchange(tag);
  world_.after(faults_stop, [this] {
    for (const auto& l : links_) {
      l->heal();
      l->clog(false);
    }
  });
}

// --- conversations

std::shared_ptr<conversation> scene::new_conversation(std::uint64_t tag) {
  auto out = std::make_shared<conversation>(tag);
  out->excused = plan_.lenient();
  out->road_broken = road_broken_;
  out->full_close = plan_.mux_cool();
  out->relayed = plan_.topology == shape::relay;
  out->grace = plan_.grace;
  if (plan_.mux_cool()) out->held_up = held_up_;
  return out;
}

void scene::add_talk(std::uint64_t tag) {
  auto t = std::make_unique<talk>();
  t->what = new_conversation(tag);
  const auto [near, far] = plan_.both_ways(random_);
  t->near = std::make_shared<party>(world_, t->what, 0, near);
  t->far = std::make_shared<party>(world_, t->what, 1, far);
  t->near->meets(t->far);
  t->far->meets(t->near);
  t->request =
      muxpro::open_request(muxpro::destination(muxpro::network::tcp, fmt::format("t{}.example", tag), 80),
                           static_cast<std::uint8_t>(random_.next()));
  if (random_.chance(30)) t->first = random_.below(std::min<std::uint64_t>(near.to_send, 65535) + 1);
  const const_bytes data = said_by(2 * tag, 0, static_cast<std::size_t>(t->first));
  t->request.first_data.assign(data.begin(), data.end());
  talks_.push_back(std::move(t));
  world_.after(random_.time(0ns, plan_.opening), [this, at = talks_.back().get()] { open(*at); });
}

void scene::open(talk& t) {
  world_.note("opens", t.what->tag);
  auto done = [this, &t](error_code ec, sub_stream s) { opened(t, ec, std::move(s)); };
  t.near->says_first(t.first);
  open_anyhow(t.request, t.what->tag, done);
}

void scene::open_anyhow(const muxpro::open_request& request, std::uint64_t tag,
                        std::function<void(error_code, sub_stream)> done) {
  if (!has_pool_) return client_->open(request, std::move(done));
  const auto op = world_.begin("an open of the pool", tag, 2000s);
  pool_.async_open(request, [this, op, done = std::move(done)](error_code ec, sub_stream s) {
    const memory::exempt no_failures;
    world_.end(op);
    done(ec, std::move(s));
  });
}

void scene::opened(talk& t, error_code ec, sub_stream s) {
  world_.note("is open", t.what->tag, static_cast<unsigned>(ec.value()));
  if (!ec) return t.near->take(std::move(s));
  world_.expect(t.what->may_fail() || leaving_, "an open fails without a reason: {}", ec.message());
  t.what->excused = true;
  t.near->give_up();
}

void scene::arrived(sub_stream s) {
  const std::string name(s.target().host.domain());
  if (s.target().net == muxpro::network::udp)
    return exchange_arrived(std::stoull(name.substr(1)), std::move(s));
  const std::uint64_t tag = name.size() > 1 && name[0] == 't' ? std::stoull(name.substr(1)) : 0;
  const bool known =
      tag >= first_reused ? tag - first_reused < reused_.size() : tag >= 1 && tag <= talks_.size();
  world_.expect(known, "a sub-stream for \"{}\" arrives", name);
  if (tag >= first_reused && known)
    return reused_[static_cast<std::size_t>(tag - first_reused)]->take(std::move(s));
  if (!world_.failed()) talks_[static_cast<std::size_t>(tag - 1)]->far->take(std::move(s));
}

bool scene::talks_done() const {
  const auto rests = [](const auto& p) { return p->done() || !p->begun(); };
  if (!std::all_of(reused_.begin(), reused_.end(), rests)) return false;
  if (!std::all_of(raw_peers_.begin(), raw_peers_.end(), [](const auto& p) { return p->done(); }))
    return false;
  const auto ended = [](const auto& e) {
    return e->near->done() && (e->far->done() || (e->near->talk().may_fail() && !e->far->begun()));
  };
  if (!std::all_of(exchanges_.begin(), exchanges_.end(), ended)) return false;
  return std::all_of(talks_.begin(), talks_.end(), [](const auto& t) {
    return t->near->done() && (t->far->done() || (t->what->may_fail() && !t->far->begun()));
  });
}

// --- the course of it

void scene::play() {
  build();
  if (random_.chance(5)) {  // the context may go at any time
    world_.run_until([] { return false; }, random_.time(0ns, 3s));
    return;
  }
  if (!world_.run_until([this] { return talks_done(); }, everything_ends))
    return explain("conversations do not end");
  leave();
  if (!world_.run_until([this] { return all_over(); }, 2 * everything_ends))
    return explain("sessions do not end");
  world_.complain_of_pending("all is over");
  check_results();
}

void scene::leave() {
  leaving_ = true;
  for (const auto& p : raw_peers_) p->leave();
  if (has_pool_) pool_.close();
  const bool drain = random_.chance(50);
  for (const auto& h : hosts_) h->leave(drain && random_.chance(80));
}

bool scene::all_over() const {
  return world_.pending() == 0 &&
         std::all_of(hosts_.begin(), hosts_.end(), [](const auto& h) { return h->over(); });
}

void scene::explain(const char* what) {
  if (world_.failed()) return;
  std::string all = what;
  for (const auto& t : talks_) {
    if (!t->near->done() || !t->far->done())
      all += "\n  " + t->near->describe() + "\n  " + t->far->describe();
  }
  for (const auto& e : exchanges_) all += "\n  " + e->near->describe() + "\n  " + e->far->describe();
  for (const auto& h : hosts_) all += "\n  " + h->describe();
  world_.complain(all);
}

// --- what must hold

void scene::check() {
  if (!*road_broken_) {
    for (const auto& l : links_) *road_broken_ = *road_broken_ || l->broken();
  }
  for (const auto& h : hosts_) h->check();
  if (plan_.mux_cool()) {
    for (const auto& t : talks_) t->near->watch_queue(), t->far->watch_queue();
  }
  if (plan_.topology == shape::relay) return;
  for (const auto& t : talks_) check_flow(*t, false);
}

void scene::check_flow(const talk& t, bool at_rest) {
  if (!t.near->begun() || !t.far->begun()) return;
  const auto check = plan_.mux_cool() ? &party::check_queue : &party::check_credit;
  check(world_, *t.near, *t.far, at_rest);
  check(world_, *t.far, *t.near, at_rest);
}

void scene::check_at_rest() {
  check();
  for (const auto& h : hosts_) h->check_at_rest();
  for (pooled_link& p : pooled_) check_pooled(p);
  if (plan_.topology != shape::direct || hosts_[0]->over() || hosts_[1]->over() || links_[0]->broken())
    return;
  const bool read = !plan_.mux_cool() || (hosts_[0]->reads() && hosts_[1]->reads());
  const bool quiet =
      read && links_[0]->quiet() && !links_[0]->clogged() && hosts_[0]->wire_free() && hosts_[1]->wire_free();
  for (const auto& t : talks_) {
    t->near->check_awake(hosts_[0]->wire_free());
    t->far->check_awake(hosts_[1]->wire_free());
    if (quiet) check_flow(*t, true);
  }
  if (quiet) check_exchanges();
}

void scene::check_results() {
  for (const auto& t : talks_) {
    t->near->check_result();
    t->far->check_result();
  }
  for (const auto& e : exchanges_) {
    e->near->check_result();
    e->far->check_result();
  }
  for (const auto& all : {reused_, strangers_})
    for (const auto& p : all) p->close_handle();
  for (const auto& h : hosts_) h->check_result();
  for (const auto& h : hosts_) h->forget_session();
  if (world_.failed()) return;
  world_.expect(plan_.budget->used() == 0, "{} bytes of the process budget are lost", plan_.budget->used());
}

}  // namespace simulation
