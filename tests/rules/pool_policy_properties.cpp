// The rules of a client pool against a model that has every connection, over random steps.
#include "catch.hpp"

#include <muxpro/detail/pool_policy.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace {

using namespace muxpro;
using namespace std::chrono_literals;
using detail::pool_policy;
using connection_id = pool_policy::connection_id;

struct model_connection {
  enum { dialing, overdue, live, used_up, out } is = dialing;
  time_point dialled{}, since{};
  time_point idle_since{};
  std::uint32_t load = 0, opened = 0;
};

/// Drives a policy as the pool does, keeps its own books, and compares.
class modelled_pool {
 public:
  explicit modelled_pool(std::uint64_t seed)
      : random_(seed), options_(make_options()), policy_(options_, seed) {}

  void step() {
    switch (below(10)) {
      case 0:
      case 1:
      case 2: return open();
      case 3:
      case 4: return end_stream();
      case 5: return connect();
      case 6: return fail_dial();
      case 7: return lose();
      case 8: return give_up();
      default: return pass_time();
    }
  }

  /// What the pool does after anything has happened.
  void settle() {
    while (const auto late = policy_.next_overdue(now_)) {
      auto& c = all_.at(late->id);
      CHECK((c.is == model_connection::dialing && now_ - c.since >= options_.dial_timeout));
      c.is = model_connection::overdue;
      failed(late->fails, c.since);
    }
    while (const auto r = policy_.next_retired(now_)) {
      auto& c = all_.at(*r);
      CHECK((c.is == model_connection::used_up || (c.is == model_connection::live && retires(c))));
      c.is = model_connection::out;
    }
    while (waiting_ > 0 && place()) {
      --waiting_;
      policy_.waited();
    }
    while (const auto d = policy_.next_dial(now_)) begin_dial(*d);
    check();
  }

  std::size_t served = 0, refused = 0, dials = 0;

 private:
  client_pool_options make_options() {
    client_pool_options o;
    o.max_concurrency = static_cast<std::uint32_t>(1 + below(4));
    o.max_reuse = static_cast<std::uint32_t>(1 + below(20));
    o.max_connections = static_cast<std::uint32_t>(1 + below(6));
    o.max_age = 100s;
    o.idle_timeout = 7s;
    o.dial_timeout = 3s;
    return o;
  }

  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  std::size_t room() const { return std::min(options_.max_concurrency, options_.max_reuse); }
  std::size_t count(int state) const {
    return static_cast<std::size_t>(
        std::count_if(all_.begin(), all_.end(), [=](const auto& x) { return x.second.is == state; }));
  }
  std::map<connection_id, model_connection>::iterator any(int state) {
    std::vector<connection_id> ids;
    for (const auto& [c, x] : all_)
      if (x.is == state) ids.push_back(c);
    return ids.empty() ? all_.end() : all_.find(ids[below(ids.size())]);
  }
  bool has_room(const model_connection& c) const {
    return c.is == model_connection::live && c.load < options_.max_concurrency &&
           c.opened < options_.max_reuse;
  }
  bool retires(const model_connection& c) const {
    const bool idle = c.load == 0 && now_ - c.idle_since >= options_.idle_timeout;
    return idle || now_ - c.since >= options_.max_age * 9 / 10;
  }

  void open() {
    if (waiting_ == 0 && place()) return;
    ++waiting_;
    policy_.waits();
  }
  bool place() {
    const auto c = policy_.pick();
    const model_connection* best = nullptr;
    connection_id expected = 0;
    for (const auto& [candidate, x] : all_) {
      if (!has_room(x) || (best && x.load >= best->load)) continue;
      best = &x;
      expected = candidate;
    }
    CHECK(c.value_or(0) == expected);
    if (!c) return false;
    auto& chosen = all_.at(*c);
    ++chosen.load;
    ++chosen.opened;
    ++served;
    const bool last = chosen.opened == options_.max_reuse;
    if (last) chosen.is = model_connection::used_up;
    CHECK(policy_.opened(*c) == last);
    return true;
  }
  void end_stream() {
    std::vector<connection_id> loaded;
    for (const auto& [c, x] : all_)
      if (x.load > 0) loaded.push_back(c);
    if (loaded.empty()) return;
    const connection_id c = loaded[below(loaded.size())];
    auto& x = all_.at(c);
    if (--x.load == 0) x.idle_since = now_;
    policy_.stream_gone(c, now_, false);
  }

  void begin_dial(connection_id c) {
    ++dials;
    CHECK(all_.count(c) == 0);
    CHECK(now_ >= not_before_);
    if (failing_) CHECK(count(model_connection::dialing) == 0);
    all_[c].since = all_[c].dialled = now_;
    const std::size_t in_flight = count(model_connection::dialing);
    CHECK(in_flight <= (waiting_ + room() - 1) / room());
    CHECK(in_flight + count(model_connection::live) + count(model_connection::overdue) <=
          options_.max_connections);
  }
  void connect() {
    auto c = any(model_connection::dialing);
    if (c == all_.end()) c = any(model_connection::overdue);
    if (c == all_.end()) return;
    const bool wanted = policy_.connected(c->first, now_);
    CHECK(wanted == (c->second.is == model_connection::dialing));
    if (!wanted) return static_cast<void>(all_.erase(c));
    c->second.is = model_connection::live;
    c->second.since = c->second.idle_since = now_;
    failing_ = false;
    not_before_ = time_point::min();
  }
  void fail_dial() {
    auto c = any(model_connection::dialing);
    if (c == all_.end()) c = any(model_connection::overdue);
    if (c == all_.end()) return;
    const auto [is, since] = std::pair(c->second.is, c->second.since);
    const auto fails = policy_.dial_failed(c->first, now_);
    all_.erase(c);
    CHECK((is == model_connection::dialing || fails.count == 0));
    if (is == model_connection::dialing) failed(fails, since);
  }
  void lose() {
    const auto c = any(below(2) ? model_connection::live : model_connection::out);
    if (c == all_.end()) return;
    const bool young = c->second.is == model_connection::live && now_ - c->second.since < pool_policy::young;
    const time_point dialled = c->second.dialled;
    const auto fails = policy_.lost(c->first, now_);
    all_.erase(c);
    CHECK((young || fails.count == 0));
    if (young) failed(fails, dialled);
  }
  void failed(pool_policy::share fails, time_point dialled) {
    const std::size_t in_flight = count(model_connection::dialing);
    const bool hopeless = in_flight == 0 && count(model_connection::live) == 0;
    CHECK(fails.skip + fails.count <= waiting_);
    if (hopeless) CHECK(fails.count == waiting_);
    if (!hopeless) CHECK(fails.skip == std::min(waiting_, in_flight * room()));
    if (!hopeless) CHECK(fails.count <= room());
    waiting_ -= fails.count;
    refused += fails.count;
    policy_.waited(fails.count);
    CHECK(policy_.failures() > 0);
    if (failing_ && dialled <= last_failure_) return;  // of the same moment
    not_before_ = now_ + options_.backoff_min;
    last_failure_ = now_;
    failing_ = true;
  }
  void give_up() {
    if (waiting_ == 0) return;
    --waiting_;
    policy_.waited();
  }

  void pass_time() {
    const time_point next = policy_.next_deadline();
    if (below(2) && next != time_point::max())
      now_ = std::max(now_, next);
    else
      now_ += std::chrono::milliseconds(below(2000));
  }

  void check() {
    CHECK(policy_.waiting() == waiting_);
    CHECK(policy_.live() == count(model_connection::live));
    CHECK(policy_.dialing() == count(model_connection::dialing));
    // A waiting open can be served: by a place to come, a dial, or a time when one begins.
    if (waiting_ == 0) return;
    const bool full =
        count(model_connection::live) + count(model_connection::overdue) == options_.max_connections;
    CHECK((policy_.dialing() > 0 || full || policy_.next_deadline() != time_point::max()));
    CHECK((policy_.next_deadline() > now_ || count(model_connection::used_up) > 0));
  }

  std::mt19937_64 random_;
  client_pool_options options_;
  pool_policy policy_;
  std::map<connection_id, model_connection> all_;
  std::size_t waiting_ = 0;
  bool failing_ = false;
  time_point last_failure_{};
  time_point not_before_ = time_point::min();
  time_point now_ = time_point() + 24h;
};

}  // namespace

TEST_CASE("a pool behaves as its model over random steps", "[pool_policy]") {
  std::size_t served = 0, refused = 0, dials = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    modelled_pool pool(seed);
    for (int n = 0; n < 2000; ++n) {
      pool.step();
      pool.settle();
    }
    served += pool.served;
    refused += pool.refused;
    dials += pool.dials;
  }
  CHECK(served > 5000);
  CHECK(refused > 200);
  CHECK(dials > 2000);
}
