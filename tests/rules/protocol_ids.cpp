// Which id a client takes next, and how long one stays taken.
#include "catch.hpp"
#include "endpoint.hpp"

using namespace rules_test;

namespace {

session_options roomy() {
  session_options o;
  o.max_streams = 65535;
  o.max_quarantined = 65535;
  return o;
}

/// Takes `n` ids and uses none.
stream_id skip(endpoint& e, int n) {
  stream_id id = 0;
  for (int i = 0; i < n; ++i)
    if (e.rules.allocate_id(id)) return 0;
  return id;
}

}  // namespace

TEST_CASE("ids are sequential", "[rules][protocol][ids]") {
  endpoint e(role::client);
  CHECK(e.run("3* open") == "opened 1; opened 2; opened 3");
  CHECK(e.run("end 2 3") == "aborted 2 code 3; > end 2 code 0");
  CHECK(e.run("open") == "opened 4");
}

TEST_CASE("ids wrap past 0 and over those in use", "[rules][protocol][ids]") {
  endpoint e(role::client);
  e.run("2* open");
  CHECK(skip(e, 65533) == 65535);
  CHECK(e.run("2* open") == "opened 3; opened 4");
  CHECK(skip(e, 65530) == 65534);
  e.run("open");
  CHECK(e.run("open") == "opened 5");
}

TEST_CASE("ids wait for the peer's End or a minute", "[rules][protocol][ids]") {
  struct row {
    const char* name;
    std::vector<const char*> steps;
    bool free;
  };
  const row rows[] = {
      {"open", {}, false},
      {"half-closed by us", {"finish 1"}, false},
      {"half-closed by the peer", {"end 1"}, false},
      {"aborted by us", {"abort 1 2"}, false},
      {"aborted by us, for 59.9 s", {"abort 1 2", "wait 59900"}, false},
      {"aborted by us, for a minute", {"abort 1 2", "wait 60000"}, true},
      {"aborted by us, answered", {"abort 1 2", "end 1"}, true},
      {"aborted by us after our End(0)", {"finish 1", "abort 1 2"}, false},
      {"aborted by the peer", {"end 1 3"}, true},
      {"ended by both", {"finish 1", "end 1"}, true},
      {"half-closed for an hour", {"finish 1", "wait 3600000"}, false},
  };
  for (const row& r : rows) {
    INFO(r.name);
    endpoint e(role::client);
    e.run("open");
    for (const char* step : r.steps) e.run(step);
    CHECK(e.rules.id_known(1) == !r.free);
    CHECK(skip(e, 65534) == 65535);
    CHECK(e.run("open") == (r.free ? "opened 1" : "opened 2"));
  }
}

TEST_CASE("ids run out when all are quarantined, and come back one by one", "[rules][protocol][ids]") {
  endpoint e(role::client, dialect::spec, roomy());
  for (int id = 1; id <= 65535; ++id) {
    e.run("open");
    e.run(fmt::format("abort {} 2", id));
    if (e.failed) FAIL("id " << id);
  }
  CHECK(e.run("open") == "failed too_many_streams");
  e.failed = false;
  CHECK(e.run("end 40000") == "");
  CHECK(e.run("open") == "opened 40000");
  CHECK(e.run("open") == "failed too_many_streams");
  e.failed = false;
  CHECK(e.run("wait 60000") == "");
  CHECK(e.run("open") == "opened 40001");
}

TEST_CASE("ids run out when all are open", "[rules][protocol][ids]") {
  endpoint e(role::client, dialect::spec, roomy());
  for (int id = 1; id <= 65535; ++id)
    if (e.run("open") != fmt::format("opened {}", id)) FAIL("id " << id);
  CHECK(e.run("open") == "failed too_many_streams");
  e.rules.in_use = 0;
  CHECK(e.run("open") == "failed too_many_streams");
}

TEST_CASE("ids are refused above max_streams and while draining", "[rules][protocol][ids]") {
  session_options o;
  o.max_streams = 2;
  endpoint e(role::client, dialect::spec, o);
  e.run("2* open");
  CHECK(e.run("open") == "failed too_many_streams");
  e.run("abort 1 2");
  CHECK(e.run("open") == "opened 3");
  e.run("drain");
  e.run("abort 3 2");
  CHECK(e.run("open") == "failed draining");
}

TEST_CASE("ids: at capacity the oldest id leaves the quarantine", "[rules][protocol][ids]") {
  session_options o;
  o.max_quarantined = 2;
  endpoint e(role::client, dialect::spec, o);
  for (int id = 1; id <= 3; ++id) {
    e.run("open");
    e.run("wait 10");
    e.run(fmt::format("abort {} 2", id));
  }
  CHECK_FALSE(e.rules.id_known(1));
  CHECK(e.rules.id_known(2));
  CHECK(e.rules.id_known(3));
  CHECK(e.rules.next_expiry() == e.now - milliseconds(10) + std::chrono::seconds(60));
}

TEST_CASE("ids: the next one is the next that is free, over random lives", "[rules][protocol][ids]") {
  wire_test::random_engine rng(4);
  endpoint e(role::client, dialect::spec, roomy());
  std::map<stream_id, std::unique_ptr<sub_rules>> open;
  stream_id expected = 1;
  for (int step = 0; step < 500'000; ++step) {
    stream_id id = 0;
    while (expected == 0 || open.count(expected) > 0) ++expected;
    if (e.rules.allocate_id(id) || id != expected) FAIL("step " << step << ", id " << id);
    ++expected;
    if (rng() % 1000 == 0) {
      const auto it =
          open.emplace(id, std::make_unique<sub_rules>(id, network::tcp, std::uint8_t{0}, e.now)).first;
      e.rules.insert(*it->second);
    } else if (open.size() > 100) {
      sub_rules& gone = *open.begin()->second;
      gone.remote_ended = true;
      e.rules.abort(gone, end_code::timeout);
      e.rules.release(gone, e.now);
      open.erase(open.begin());
    }
  }
}
