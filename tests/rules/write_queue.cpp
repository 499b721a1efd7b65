// Which source is next on the main connection: order of control frames, one credit slot, weights and
// fairness.
#include "bytes.hpp"
#include "catch.hpp"

#include <muxpro/detail/write_queue.hpp>

#include <map>
#include <memory>
#include <set>

using namespace muxpro;
using detail::write_queue;
using wire_test::byte_string;
using wire_test::hex;
using wire_test::pick;
using wire_test::random_engine;

namespace {

constexpr std::size_t quantum = 16 * 1024;

struct sub : write_queue::source {
  explicit sub(std::uint8_t p = 0, std::size_t size = quantum) : frame_size(size) { priority = p; }

  std::size_t frame_size;
  std::uint64_t bytes = 0;
  int frames = 0;
  bool more = true;  ///< still has data after a frame
};

using subs = std::vector<std::unique_ptr<sub>>;

sub* pop(write_queue& q) { return static_cast<sub*>(q.pop_data()); }

/// The next frame of a saturated link.
sub* serve(write_queue& q) {
  sub* const s = pop(q);
  if (!s) return nullptr;
  s->bytes += s->frame_size;
  ++s->frames;
  q.charge(*s, s->frame_size);
  if (s->more) q.push_data(*s);
  return s;
}

void saturate(write_queue& q, std::uint64_t total) {
  for (std::uint64_t sent = 0; sent < total;) sent += serve(q)->frame_size;
}

sub& add(write_queue& q, subs& all, std::uint8_t priority = 0, std::size_t size = quantum) {
  all.push_back(std::make_unique<sub>(priority, size));
  q.push_data(*all.back());
  return *all.back();
}

double jain(const subs& all) {
  double sum = 0, squares = 0;
  for (const auto& s : all) {
    const auto x = static_cast<double>(s->bytes);
    sum += x;
    squares += x * x;
  }
  return sum * sum / (static_cast<double>(all.size()) * squares);
}

std::string control(write_queue& q) {
  byte_string out{std::byte{0xff}};
  q.take_control(out);
  return hex(out);
}

}  // namespace

TEST_CASE("write_queue keeps control frames in order", "[rules][write_queue]") {
  write_queue q;
  CHECK(q.empty());
  q.push_control(end{1});
  q.push_control(keep_alive{0xbeef}, true);
  q.append_control(wire_test::unhex("6162"));
  q.push_control(credit_update{2, 32768});
  q.push_control(end{3, end_code::timeout}, true);
  CHECK_FALSE(q.empty());
  CHECK(q.control_frames() == 4);
  CHECK(q.provoked() == 2);
  CHECK(control(q) == hex("0004 0001 03 00 | 0004 beef 04 00 | 6162 | 0004 0002 05 01 0004 00008000 | "
                          "0006 0003 03 01 0002"));
  CHECK(q.empty());
  CHECK(q.control_frames() == 0);
  CHECK(q.provoked() == 0);
  CHECK(control(q) == "");
}

TEST_CASE("write_queue hands over thousands of control frames as one run of bytes", "[rules][write_queue]") {
  write_queue q;
  byte_string expected;
  for (unsigned id = 1; id <= 5000; ++id) {
    const end f{static_cast<stream_id>(id), id % 2 == 0 ? end_code::graceful : end_code::timeout};
    q.push_control(f);
    wire_test::append(expected, encoded(f));
  }
  byte_string out;
  q.take_control(out);
  CHECK(out == expected);
}

TEST_CASE("write_queue has one credit slot for each sub-stream", "[rules][write_queue]") {
  write_queue q;
  sub a, b, c;
  for (sub* s : {&a, &b, &a, &c, &b, &a}) q.push_credit(*s);
  CHECK_FALSE(q.empty());
  CHECK(q.pop_credit() == &a);
  q.push_credit(a);
  CHECK(q.pop_credit() == &b);
  CHECK(q.pop_credit() == &c);
  CHECK(q.pop_credit() == &a);
  CHECK(q.pop_credit() == nullptr);
  CHECK(q.empty());
}

TEST_CASE("write_queue: a sub-stream waits once for data, and for credit apart from that",
          "[rules][write_queue]") {
  write_queue q;
  sub a;
  q.push_data(a);
  q.push_data(a);
  q.push_credit(a);
  CHECK(q.ready() == 1);
  CHECK(pop(q) == &a);
  CHECK(q.ready() == 0);
  CHECK(pop(q) == nullptr);
  CHECK_FALSE(q.empty());
  CHECK(q.pop_credit() == &a);
  CHECK(q.empty());
}

TEST_CASE("write_queue: priority 0 gets between 4 and 32 times the bytes of 255", "[rules][write_queue]") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, quantum, std::size_t{65535}}) {
    CAPTURE(size);
    write_queue q;
    subs all;
    const sub& high = add(q, all, 0, size);
    const sub& low = add(q, all, 255, size);
    saturate(q, 9000 * size);
    const double ratio = static_cast<double>(high.bytes) / static_cast<double>(low.bytes);
    CHECK(ratio >= 4);
    CHECK(ratio <= 32);
  }
}

TEST_CASE("write_queue: a lower number never gets less", "[rules][write_queue]") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, quantum}) {
    CAPTURE(size);
    write_queue q;
    subs all;
    for (unsigned p = 0; p < 256; ++p) add(q, all, static_cast<std::uint8_t>(p), size);
    saturate(q, 100'000 * size);
    int inversions = 0;
    for (std::size_t p = 1; p < all.size(); ++p)
      if (all[p]->bytes > all[p - 1]->bytes + size) ++inversions;
    CHECK(inversions == 0);
    CHECK(all[0]->bytes > 4 * all[255]->bytes);
    CHECK(all[0]->bytes > all[128]->bytes);
    CHECK(all[128]->bytes > all[255]->bytes);
  }
}

TEST_CASE("write_queue: a hundred of priority 0 leave one of 255 a quantum in 64", "[rules][write_queue]") {
  write_queue q;
  subs all;
  for (int i = 0; i < 100; ++i) add(q, all);
  const sub& last = add(q, all, 255);
  int waited = 0, longest = 0;
  for (int i = 0; i < 10'000; ++i) {
    waited = serve(q) == &last ? 0 : waited + 1;
    longest = std::max(longest, waited);
  }
  CHECK(longest < 64);
}

TEST_CASE("write_queue: all 256 priorities get on", "[rules][write_queue]") {
  write_queue q;
  subs all;
  for (unsigned p = 0; p < 256; ++p)
    for (int i = 0; i < 4; ++i) add(q, all, static_cast<std::uint8_t>(p));
  saturate(q, 40'000 * quantum);
  for (const auto& s : all)
    if (s->frames == 0) FAIL("priority " << int{s->priority} << " starves");
}

TEST_CASE("write_queue: equal priorities share equally", "[rules][write_queue]") {
  for (const int priority : {0, 77, 255}) {
    CAPTURE(priority);
    write_queue q;
    subs all;
    for (int i = 0; i < 16; ++i) add(q, all, static_cast<std::uint8_t>(priority));
    saturate(q, 16 * 1000 * quantum);
    CHECK(jain(all) >= 0.999);
  }
}

TEST_CASE("write_queue: equal priorities share equally with frames of random size", "[rules][write_queue]") {
  write_queue q;
  random_engine rng(1);
  subs all;
  for (int i = 0; i < 16; ++i) add(q, all, 7);
  for (int i = 0; i < 16 * 1000; ++i) serve(q)->frame_size = pick(rng, 1, quantum);
  CHECK(jain(all) >= 0.95);
}

TEST_CASE("write_queue: equal priorities share bytes equally, whatever the size of their frames",
          "[rules][write_queue]") {
  write_queue q;
  subs all;
  for (int i = 0; i < 16; ++i) add(q, all, 7, i % 2 == 0 ? quantum : 1400);
  saturate(q, 16 * 1000 * quantum);
  CHECK(jain(all) >= 0.95);
}

TEST_CASE("write_queue: a source that wakes after idling gets its share at once, and no more",
          "[rules][write_queue]") {
  struct row {
    std::uint8_t busy, woken;
    int least, most;  ///< frames of the woken one among the next 90
  };
  for (const row& r : {row{0, 0, 44, 46}, row{255, 255, 44, 46}, row{0, 255, 9, 12}, row{255, 0, 78, 82}}) {
    CAPTURE(r.busy, r.woken);
    write_queue q;
    subs all;
    add(q, all, r.busy);
    sub& woken = add(q, all, r.woken);
    saturate(q, 900 * quantum);
    q.remove_data(woken);
    saturate(q, 10'000 * quantum);
    q.push_data(woken);
    woken.frames = 0;
    saturate(q, 90 * quantum);
    CHECK(woken.frames >= r.least);
    CHECK(woken.frames <= r.most);
  }
}

TEST_CASE("write_queue: a source that wakes for single frames waits one round at most",
          "[rules][write_queue]") {
  write_queue q;
  subs all;
  for (int i = 0; i < 10; ++i) add(q, all);
  sub interactive(0, 100);
  interactive.more = false;
  random_engine rng(2);
  int longest = 0;
  for (int i = 0; i < 1000; ++i) {
    saturate(q, pick(rng, 1, 50) * quantum);
    q.push_data(interactive);
    int waited = 0;
    while (serve(q) != &interactive) ++waited;
    longest = std::max(longest, waited);
  }
  CHECK(longest <= 10);
}

TEST_CASE("write_queue: a source that leaves while queued is not served", "[rules][write_queue]") {
  write_queue q;
  sub a, b, c;
  for (sub* s : {&a, &b, &c}) q.push_data(*s);
  q.remove_data(b);
  q.remove_data(b);
  CHECK(q.ready() == 2);
  CHECK(pop(q) == &a);
  CHECK(pop(q) == &c);
  CHECK(pop(q) == nullptr);
  q.remove_data(a);
  CHECK(q.ready() == 0);
  CHECK(q.empty());
}

TEST_CASE("write_queue: the last of a priority leaves while queued", "[rules][write_queue]") {
  write_queue q;
  sub high(0), low(9);
  q.push_data(high);
  q.push_data(low);
  q.remove_data(high);
  CHECK(pop(q) == &low);
  CHECK(pop(q) == nullptr);
  q.push_data(high);
  CHECK(pop(q) == &high);
}

TEST_CASE("write_queue: a destroyed source leaves the credit slots", "[rules][write_queue]") {
  write_queue q;
  sub a, c;
  q.push_credit(a);
  {
    sub b;
    q.push_credit(b);
    q.push_credit(c);
  }
  CHECK(q.pop_credit() == &a);
  CHECK(q.pop_credit() == &c);
  CHECK(q.pop_credit() == nullptr);
}

TEST_CASE("write_queue: a removed source may be destroyed", "[rules][write_queue]") {
  write_queue q;
  sub stays(3);
  q.push_data(stays);
  {
    sub other_priority(2), same_priority(3);
    q.push_data(other_priority);
    q.push_data(same_priority);
    q.remove_data(other_priority);
    q.remove_data(same_priority);
  }
  REQUIRE(q.ready() == 1);
  CHECK(pop(q) == &stays);
  CHECK(pop(q) == nullptr);
}

TEST_CASE("write_queue serves ten thousand sources alike", "[rules][write_queue]") {
  write_queue q;
  subs all;
  for (int i = 0; i < 10'000; ++i) add(q, all, 0, 1000);
  CHECK(q.ready() == 10'000);
  saturate(q, 10'000 * 1000 * 50);
  CHECK(jain(all) >= 0.99);
  for (const auto& s : all) q.remove_data(*s);
  CHECK(q.ready() == 0);
  CHECK(pop(q) == nullptr);
}

TEST_CASE("write_queue agrees with a set over random steps", "[rules][write_queue]") {
  random_engine rng(3);
  write_queue q;
  subs all;
  for (int i = 0; i < 50; ++i) all.push_back(std::make_unique<sub>(static_cast<std::uint8_t>(i % 7 * 42)));
  std::set<write_queue::source*> queued;
  for (int step = 0; step < 300'000; ++step) {
    sub& any = *all[rng() % all.size()];
    switch (rng() % 4) {
      case 0:
        q.push_data(any);
        queued.insert(&any);
        break;
      case 1:
        q.remove_data(any);
        queued.erase(&any);
        break;
      default:
        sub* const s = pop(q);
        if ((s == nullptr) != queued.empty() || (s && queued.erase(s) == 0)) FAIL("step " << step);
        if (!s) break;
        q.charge(*s, pick(rng, 0, 65535));
        if (rng() % 2 == 0) q.push_data(*s), queued.insert(s);
    }
    if (q.ready() != queued.size() || q.empty() != queued.empty()) FAIL("step " << step);
  }
}
