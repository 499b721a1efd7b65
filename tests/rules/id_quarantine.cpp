// Quarantine against a list of (id, since), and the short memory of ids.
#include "bytes.hpp"
#include "catch.hpp"
#include "start.hpp"

#include <muxpro/detail/id_quarantine.hpp>

#include <algorithm>

using namespace muxpro;
using detail::quarantine;
using detail::recent_ids;
using rules_test::start;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire_test::pick;
using wire_test::random_engine;

namespace {

constexpr duration lifetime = seconds(60);

/// Oldest first.
class model {
 public:
  explicit model(std::size_t capacity) : capacity_(capacity) {}

  bool contains(stream_id id) const { return find(id) != held_.end(); }
  void add(stream_id id, time_point now) {
    if (held_.size() == capacity_) held_.erase(held_.begin());
    held_.push_back({id, now});
  }
  bool release(stream_id id) {
    const auto it = find(id);
    if (it == held_.end()) return false;
    held_.erase(it);
    return true;
  }
  void expire(time_point now) {
    std::erase_if(held_, [now](const auto& e) { return e.second + lifetime <= now; });
  }
  time_point next_expiry() const {
    return held_.empty() ? time_point::max() : held_.front().second + lifetime;
  }
  std::size_t size() const { return held_.size(); }

 private:
  std::vector<std::pair<stream_id, time_point>>::const_iterator find(stream_id id) const {
    return std::find_if(held_.begin(), held_.end(), [id](const auto& e) { return e.first == id; });
  }

  std::size_t capacity_;
  std::vector<std::pair<stream_id, time_point>> held_;
};

}  // namespace

TEST_CASE("quarantine agrees with a model over random steps", "[rules][id_quarantine]") {
  for (const std::size_t capacity : {1u, 2u, 7u, 100u}) {
    CAPTURE(capacity);
    random_engine rng(capacity);
    quarantine q(capacity, lifetime);
    model m(capacity);
    time_point now = start;
    for (int step = 0; step < 100'000; ++step) {
      now += milliseconds(pick(rng, 1, rng() % 50 == 0 ? 90'000 : 900));
      const auto id = static_cast<stream_id>(pick(rng, 1, 2 * capacity));
      bool same = q.contains(id) == m.contains(id);
      if (rng() % 2 == 0) same &= q.release(id) == m.release(id);
      if (!m.contains(id) && rng() % 4 != 0) {
        q.add(id, now);
        m.add(id, now);
      }
      if (rng() % 2 == 0) {
        q.expire(now);
        m.expire(now);
      }
      same &= q.contains(id) == m.contains(id) && q.size() == m.size() && q.next_expiry() == m.next_expiry();
      if (!same) FAIL("step " << step);
    }
  }
}

TEST_CASE("quarantine holds an id for its lifetime to the tick", "[rules][id_quarantine]") {
  quarantine q(10, lifetime);
  CHECK(q.next_expiry() == time_point::max());
  q.add(5, start);
  CHECK(q.next_expiry() == start + lifetime);
  q.expire(start + lifetime - duration(1));
  CHECK(q.contains(5));
  q.expire(start + lifetime);
  CHECK_FALSE(q.contains(5));
  CHECK(q.next_expiry() == time_point::max());
}

TEST_CASE("quarantine lets the oldest go at capacity", "[rules][id_quarantine]") {
  quarantine q(2, lifetime);
  for (const int id : {1, 2, 3}) q.add(static_cast<stream_id>(id), start + seconds(id));
  CHECK_FALSE(q.contains(1));
  CHECK(q.contains(2));
  CHECK(q.contains(3));
  CHECK_FALSE(q.release(1));
}

TEST_CASE("quarantine: a released id that comes back serves a full lifetime", "[rules][id_quarantine]") {
  quarantine q(10, lifetime);
  q.add(1, start);
  q.add(2, start);
  CHECK(q.release(2));
  q.add(2, start + seconds(30));
  q.expire(start + lifetime);
  CHECK_FALSE(q.contains(1));
  CHECK(q.contains(2));
  CHECK(q.next_expiry() == start + seconds(90));
}

TEST_CASE("quarantine: an id added anew serves a full lifetime", "[rules][id_quarantine]") {
  quarantine q(10, lifetime);
  q.add(1, start);
  q.add(1, start + seconds(30));
  CHECK(q.size() == 1);
  q.expire(start + lifetime);
  CHECK(q.contains(1));
  q.expire(start + seconds(90));
  CHECK_FALSE(q.contains(1));
}

TEST_CASE("recent_ids keeps 256 neighbours, each with its time", "[rules][id_quarantine]") {
  recent_ids r;
  CHECK_FALSE(r.seen_since(1, start));
  for (unsigned id = 1; id <= 257; ++id) r.note(static_cast<stream_id>(id), start + seconds(id));
  CHECK_FALSE(r.seen_since(1, start));
  CHECK(r.seen_since(2, start));
  CHECK(r.seen_since(257, start + seconds(257)));
  CHECK_FALSE(r.seen_since(257, start + seconds(258)));
  CHECK_FALSE(r.seen_since(258, start));
}

TEST_CASE("recent_ids keeps the later time of an id noted twice", "[rules][id_quarantine]") {
  recent_ids r;
  r.note(7, start);
  r.note(7, start + seconds(2));
  CHECK(r.seen_since(7, start + seconds(1)));
  CHECK_FALSE(r.seen_since(7, start + seconds(3)));
}

TEST_CASE("recent_ids knows each of its ids while it grows", "[rules][id_quarantine]") {
  recent_ids r;
  for (unsigned id = 1; id <= 256; ++id) {
    r.note(static_cast<stream_id>(id), start + seconds(id));
    bool all = true;
    for (unsigned earlier = 1; earlier <= id; ++earlier) {
      const auto e = static_cast<stream_id>(earlier);
      all &= r.seen_since(e, start + seconds(earlier)) && !r.seen_since(e, start + seconds(earlier + 1));
    }
    CAPTURE(id);
    CHECK(all);
  }
}

TEST_CASE("recent_ids forgets when the last id is old", "[rules][id_quarantine]") {
  recent_ids r;
  CHECK(r.forget(start, lifetime) == time_point::max());
  r.note(1, start);
  r.note(2, start + seconds(1));
  CHECK(r.forget(start + seconds(1) + lifetime, lifetime) == start + seconds(1) + lifetime + duration(1));
  CHECK(r.seen_since(1, start));
  CHECK(r.forget(start + seconds(1) + lifetime + duration(1), lifetime) == time_point::max());
  CHECK_FALSE(r.seen_since(1, start));
  CHECK_FALSE(r.seen_since(2, start));
  r.note(3, start + seconds(100));
  CHECK(r.seen_since(3, start + seconds(100)));
}

TEST_CASE("quarantine goes on after it was empty", "[rules][id_quarantine]") {
  quarantine q(10, lifetime);
  q.expire(start);
  CHECK_FALSE(q.release(1));
  q.add(1, start);
  CHECK(q.release(1));
  q.expire(start);
  CHECK(q.size() == 0);
  q.add(2, start + seconds(1));
  CHECK(q.contains(2));
  CHECK(q.next_expiry() == start + seconds(1) + lifetime);
}
