// Operations on the NAT table against a list that is searched from end to end: which source gets which
// mapping, which mapping is evicted for it, and when.
#include "fuzz.hpp"

#include "proxy/policy/nat_table.hpp"

#include <array>
#include <optional>
#include <string>

namespace {

using namespace fuzz;
using namespace std::chrono_literals;
using muxpro::proxy::nat_table;

struct row {
  nat_table::mapping id = 0;
  std::string user;
  nat_table::session_key session = 0;
  std::optional<muxpro::global_id> source;
  bool parked = false;
  muxpro::time_point used_at{};
  std::uint64_t turn = 0;  ///< the larger, the later it was used
};

class nat_model {
 public:
  explicit nat_model(const_bytes in) : in_(in), limits_(chosen(in_)), table_(limits_) {}

  void run() {
    while (!in_.over()) {
      step();
      compare();
    }
  }

 private:
  static muxpro::proxy::nat_limits chosen(choices& c) {
    muxpro::proxy::nat_limits l;
    l.per_session = c.below(4);
    l.per_user = c.below(6);
    return l;
  }

  void step() {
    switch (in_.below(6)) {
      case 0:
      case 1: return admit();
      case 2: return touch(some_id());
      case 3: return release(some_id());
      case 4: return in_.below(4) == 0 ? remove(some_id()) : touch(some_id());
      default: return expire();
    }
  }

  /// Mostly one that exists.
  nat_table::mapping some_id() {
    const std::size_t n = in_.below(8);
    return n < rows_.size() ? rows_[n].id : n;
  }

  void admit() {
    row r;
    r.user = std::string(1, static_cast<char>('a' + in_.below(3)));
    r.session = in_.below(4);
    if (const auto g = static_cast<std::uint8_t>(in_.below(4))) r.source = muxpro::global_id{g};
    const nat_table::admitted got = table_.admit(r.user, r.session, r.source, now_);
    const auto same = [&](const row& x) { return r.source && x.user == r.user && x.source == r.source; };
    const auto known = std::find_if(rows_.begin(), rows_.end(), same);
    must(got.resumed == (known != rows_.end()), "a mapping comes back exactly to its user and GlobalID");
    must(got.was_parked == (got.resumed && known->parked),
         "whoever takes a mapping over learns whether it was parked");
    if (got.resumed) {
      must(got.id == known->id, "a mapping comes back as it was");
      rows_.erase(known);
    } else {
      must(got.id > newest_, "a new mapping has a new id");
      newest_ = got.id;
    }
    r.id = got.id;
    r.used_at = now_;
    r.turn = ++turn_;
    rows_.push_back(r);
    std::vector<nat_table::mapping> gone;
    evict(gone, limits_.per_session, r.id, [&](const row& x) { return !x.parked && x.session == r.session; });
    evict(gone, limits_.per_user, r.id, [&](const row& x) { return x.user == r.user; });
    must(got.evicted == gone, "the least recently used have to go, and nobody else");
  }

  template <class Belongs>
  void evict(std::vector<nat_table::mapping>& gone, std::size_t limit, nat_table::mapping spared,
             Belongs belongs) {
    while (static_cast<std::size_t>(std::count_if(rows_.begin(), rows_.end(), belongs)) >
           std::max<std::size_t>(limit, 1)) {
      auto oldest = rows_.end();
      for (auto r = rows_.begin(); r != rows_.end(); ++r)
        if (belongs(*r) && r->id != spared && (oldest == rows_.end() || r->turn < oldest->turn)) oldest = r;
      gone.push_back(oldest->id);
      rows_.erase(oldest);
    }
  }

  row* find(nat_table::mapping id) {
    const auto found = std::find_if(rows_.begin(), rows_.end(), [id](const row& r) { return r.id == id; });
    return found == rows_.end() ? nullptr : &*found;
  }

  void touch(nat_table::mapping id) {
    table_.touch(id, now_);
    row* const r = find(id);
    if (!r || r->parked) return;
    r->used_at = now_;
    r->turn = ++turn_;
  }

  void release(nat_table::mapping id) {
    const bool parked = table_.release(id, now_);
    row* const r = find(id);
    must(parked == (r && r->source), "only a mapping with a GlobalID is parked");
    if (!r) return;
    if (!r->source) return drop(id);
    if (!r->parked) r->used_at = now_;
    r->parked = true;
  }

  void remove(nat_table::mapping id) {
    table_.remove(id);
    drop(id);
  }
  void drop(nat_table::mapping id) {
    std::erase_if(rows_, [id](const row& r) { return r.id == id; });
  }

  void expire() {
    constexpr std::array<muxpro::duration, 5> times{0s, 1s, 20s, 60s, 120s};
    now_ += times[in_.below(times.size())];
    auto gone = table_.expire(now_);
    std::vector<nat_table::mapping> expected;
    for (const row& r : rows_)
      if (deadline(r) <= now_) expected.push_back(r.id);
    std::sort(gone.begin(), gone.end());
    std::sort(expected.begin(), expected.end());
    must(gone == expected, "what is too old goes, and nothing else");
    for (const auto id : expected) drop(id);
  }
  muxpro::time_point deadline(const row& r) const {
    return r.used_at + (r.parked ? limits_.resume : limits_.idle);
  }

  void compare() const {
    must(table_.size() == rows_.size(), "the table holds what it should");
    for (const char* user : {"a", "b", "c"})
      must(table_.of_user(user) == count([user](const row& r) { return r.user == user; }),
           "each user has his");
    for (nat_table::session_key s = 0; s < 4; ++s)
      must(table_.of_session(s) == count([s](const row& r) { return !r.parked && r.session == s; }),
           "each session has its own");
    auto next = muxpro::time_point::max();
    for (const row& r : rows_) next = std::min(next, deadline(r));
    must(table_.next_expiry() == next, "the next expiry is known");
  }
  template <class Is>
  std::size_t count(Is is) const {
    return static_cast<std::size_t>(std::count_if(rows_.begin(), rows_.end(), is));
  }

  choices in_;
  const muxpro::proxy::nat_limits limits_;
  nat_table table_;
  std::vector<row> rows_;
  nat_table::mapping newest_ = 0;
  muxpro::time_point now_{1h};
  std::uint64_t turn_ = 0;
};

}  // namespace

FUZZ_TARGET(fuzz_nat_table) {
  nat_model m(in);
  m.run();
}
