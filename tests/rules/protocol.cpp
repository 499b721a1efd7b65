// Scripts of frames and own deeds: the events and answers that the rules give, and what they cost.
#include "catch.hpp"
#include "endpoint.hpp"

using namespace rules_test;

namespace {

struct named_script {
  const char* name;
  std::vector<line> lines;
};

void play(endpoint& e, const std::vector<line>& lines) {
  for (const line& l : lines) {
    INFO("step: " << l.step);
    CHECK(e.run(l.step) == l.outcome);
  }
}

void play_all(role side, dialect peer, const std::vector<named_script>& scripts) {
  for (const named_script& s : scripts) {
    INFO("script: " << s.name);
    endpoint e(side, peer);
    play(e, s.lines);
  }
}

/// Steps until the session fails; at most `most`.
template <class Step>
int steps_until_failure(endpoint& e, Step step, int most = 5000) {
  int n = 0;
  while (!e.failed && n < most) step(++n);
  return n;
}

constexpr role both[] = {role::client, role::server};

std::string numbered(const char* verb, int id, const char* rest = "") {
  return fmt::format("{} {} {}", verb, id, rest);
}

}  // namespace

TEST_CASE("protocol: New", "[rules][protocol]") {
  play_all(
      role::server, dialect::spec,
      {{"opens", {{"new 1", "opened 1"}, {"new 65535 udp", "opened 65535"}, {"new 2", "opened 2"}}},
       {"with data", {{"new 1 +5", "opened 1; data 1 5"}, {"new 2 +65535", "opened 2; data 2 65535"}}},
       {"with an empty block", {{"new 1 +0", "opened 1"}}},
       {"invalid", {{"new 1 invalid", "> end 1 code 3"}, {"new 2 invalid +9", "> end 2 code 3"}}},
       {"for an open id", {{"new 1", "opened 1"}, {"new 1", "failed duplicate_id"}}},
       {"for an open id, invalid", {{"new 1", "opened 1"}, {"new 1 invalid", "failed duplicate_id"}}},
       {"for an id half-closed by the peer",
        {{"new 1", "opened 1"}, {"end 1", "ended 1"}, {"new 1", "failed duplicate_id"}}},
       {"for an id half-closed by us",
        {{"new 1", "opened 1"}, {"finish 1", "> end 1 code 0"}, {"new 1", "failed duplicate_id"}}},
       {"for a refused id whose End has not come",
        {{"new 1 invalid", "> end 1 code 3"}, {"new 1", "failed duplicate_id"}}},
       {"for a refused id after its End",
        {{"new 1 invalid", "> end 1 code 3"}, {"end 1", ""}, {"new 1", "opened 1"}}},
       {"for an aborted id whose End has not come",
        {{"new 1", "opened 1"}, {"abort 1 2", "> end 1 code 2"}, {"new 1", "failed duplicate_id"}}},
       {"for an aborted id after a minute",
        {{"new 1", "opened 1"}, {"abort 1 2", "> end 1 code 2"}, {"wait 60000", ""}, {"new 1", "opened 1"}}},
       {"for an id that both ended",
        {{"new 1", "opened 1"}, {"finish 1", "> end 1 code 0"}, {"end 1", "ended 1"}, {"new 1", "opened 1"}}},
       {"while draining",
        {{"new 1", "opened 1"}, {"drain", ""}, {"new 2", "> end 2 code 4"}, {"keep 1 +5", "data 1 5"}}}});
  play_all(role::client, dialect::spec, {{"from a server", {{"new 1", "failed unexpected_frame"}}}});
}

TEST_CASE("protocol: New above max_streams", "[rules][protocol]") {
  session_options o;
  o.max_streams = 2;
  endpoint e(role::server, dialect::spec, o);
  play(e, {{"new 1", "opened 1"},
           {"new 2", "opened 2"},
           {"new 3 +5", "> end 3 code 4"},
           {"end 1 3", "aborted 1 code 3; > end 1 code 0"},
           {"new 4", "opened 4"},
           {"new 5", "> end 5 code 4"}});
}

TEST_CASE("protocol: a sub-stream takes its place until its object is gone", "[rules][protocol]") {
  session_options o;
  o.max_streams = 1;
  endpoint e(role::server, dialect::spec, o);
  ++e.rules.in_use;
  play(e, {{"new 1", "> end 1 code 4"}});
  --e.rules.in_use;
  play(e, {{"new 2", "opened 2"}});
}

TEST_CASE("protocol: a New that the driver cannot take", "[rules][protocol]") {
  endpoint e(role::server);
  e.refuses_all = true;
  play(e, {{"new 1 +5", "> end 1 code 5"},
           {"keep 1 +5", ""},
           {"credit 1 7", ""},
           {"end 1", ""},
           {"new 1", "> end 1 code 5"},
           {"end 1 3", ""},
           {"end 1", "odd"}});
}

TEST_CASE("protocol: Keep", "[rules][protocol]") {
  for (const role side : both) {
    const char* const open = side == role::client ? "open" : "new 1";
    const char* const open_udp = side == role::client ? "open udp" : "new 1 udp";
    const line opened{open, "opened 1"}, opened_udp{open_udp, "opened 1"};
    play_all(side, dialect::spec,
             {{"data", {opened, {"keep 1 +5", "data 1 5"}, {"keep 1 +65531", "data 1 65531"}}},
              {"empty", {opened, {"keep 1", ""}, {"keep 1 +0", ""}}},
              {"empty datagram", {opened_udp, {"keep 1 +0", "data 1 0"}, {"keep 1", ""}}},
              {"addressed datagram", {opened_udp, {"keep 1 to +20", "data 1 20"}}},
              {"addressed on TCP",
               {opened, {"keep 1 to +20", "violated 1; > end 1 code 3"}, {"keep 1 +5", ""}, {"end 1", ""}}},
              {"addressed on TCP after our End(0)",
               {opened, {"finish 1", "> end 1 code 0"}, {"keep 1 to +20", "violated 1"}}},
              {"beyond the credit",
               {opened,
                {"keep 1 +65535", "data 1 65535"},
                {"keep 1 +2", "violated 1; odd; > end 1 code 3"},
                {"keep 1 +2", ""},
                {"end 1", ""},
                {"end 1", "odd"}}},
              {"to the last byte of credit",
               {opened, {"keep 1 +65535", "data 1 65535"}, {"keep 1 +1", "data 1 1"}}},
              {"beyond the credit on UDP",
               {opened_udp,
                {"keep 1 +65000", "data 1 65000"},
                {"keep 1 +1000", "dropped 1 1000"},
                {"keep 1 +500", "data 1 500"}}},
              {"after the peer's End",
               {opened,
                {"end 1", "ended 1"},
                {"keep 1 +5", "violated 1; > end 1 code 3"},
                {"keep 1 +5", "odd"},
                {"end 1", "odd"}}},
              {"empty after the peer's End",
               {opened, {"end 1", "ended 1"}, {"keep 1", "violated 1; > end 1 code 3"}}},
              {"a datagram after the peer's End",
               {opened_udp, {"end 1", "ended 1"}, {"keep 1 +5", "violated 1; > end 1 code 3"}}},
              {"after our End(0)", {opened, {"finish 1", "> end 1 code 0"}, {"keep 1 +5", "data 1 5"}}},
              {"after our abort", {opened, {"abort 1 1", "> end 1 code 1"}, {"3* keep 1 +5", ""}}},
              {"after both Ends",
               {opened,
                {"end 1", "ended 1"},
                {"finish 1", "> end 1 code 0"},
                {"keep 1 +5", "odd"},
                {"keep 1 to +5", "odd"}}},
              {"after an abort of the peer",
               {opened, {"end 1 3", "aborted 1 code 3; > end 1 code 0"}, {"keep 1 +5", "odd"}}}});
  }
}

TEST_CASE("protocol: Keep for an id that was not opened is answered once a second", "[rules][protocol]") {
  for (const role side : both)
    play_all(
        side, dialect::spec,
        {{"one id",
          {{"keep 5 +1", "> end 5 code 3"},
           {"2* keep 5 +1", "odd; odd"},
           {"wait 999", ""},
           {"keep 5 +1", "odd"},
           {"wait 2", ""},
           {"2* keep 5", "> end 5 code 3; odd"}}},
         {"two ids", {{"keep 5 to", "> end 5 code 3"}, {"keep 6 +0", "> end 6 code 3"}, {"keep 5", "odd"}}}});
}

TEST_CASE("protocol: the data of New counts against the credit", "[rules][protocol]") {
  play_all(role::server, dialect::spec,
           {{"TCP",
             {{"new 1 +65535", "opened 1; data 1 65535"},
              {"keep 1 +1", "data 1 1"},
              {"keep 1 +1", "violated 1; odd; > end 1 code 3"}}},
            {"UDP", {{"new 1 udp +65507", "opened 1; data 1 65507"}, {"keep 1 +30", "dropped 1 30"}}}});
}

TEST_CASE("protocol: what is granted may come", "[rules][protocol]") {
  endpoint e(role::server);
  play(e, {{"new 1 +65535", "opened 1; data 1 65535"}});
  e.find(1)->window.consume(40000);
  REQUIRE(e.find(1)->window.grant(e.now) == 40000);
  play(e, {{"keep 1 +40001", "data 1 40001"}, {"keep 1 +1", "violated 1; odd; > end 1 code 3"}});
}

TEST_CASE("protocol: data of an aborted sub-stream that is not released yet means nothing",
          "[rules][protocol]") {
  endpoint e(role::server);
  sub_rules s(1, network::tcp, 0, e.now);
  e.rules.insert(s);
  e.rules.abort(s, end_code::timeout);
  CHECK(e.run("keep 1 +65535") == "> end 1 code 2");
  CHECK(e.run("2* keep 1 +65535") == "");
  CHECK(s.window.unread() == 0);
  e.rules.release(s, e.now);
}

TEST_CASE("protocol: End", "[rules][protocol]") {
  for (const role side : both) {
    const line opened{side == role::client ? "open" : "new 1", "opened 1"};
    play_all(
        side, dialect::spec,
        {{"the peer first",
          {opened, {"end 1", "ended 1"}, {"finish 1", "> end 1 code 0"}, {"finish 1", "no stream"}}},
         {"we first",
          {opened, {"finish 1", "> end 1 code 0"}, {"finish 1", ""}, {"end 1", "ended 1"}, {"end 1", "odd"}}},
         {"the peer aborts",
          {opened,
           {"end 1 3", "aborted 1 code 3; > end 1 code 0"},
           {"finish 1", "no stream"},
           {"end 1", "odd"}}},
         {"an unknown code", {opened, {"end 1 65535", "aborted 1 code 65535; > end 1 code 0"}}},
         {"the peer aborts after our End(0)",
          {opened, {"finish 1", "> end 1 code 0"}, {"end 1 3", "aborted 1 code 3"}}},
         {"the peer half-closes, then aborts",
          {opened, {"end 1", "ended 1"}, {"end 1 3", "aborted 1 code 3; > end 1 code 0"}}},
         {"the peer half-closes twice",
          {opened, {"end 1", "ended 1"}, {"end 1", "odd"}, {"finish 1", "> end 1 code 0"}}},
         {"we abort, the peer answers",
          {opened, {"abort 1 5", "> end 1 code 5"}, {"end 1", ""}, {"end 1", "odd"}}},
         {"both abort", {opened, {"abort 1 5", "> end 1 code 5"}, {"end 1 2", ""}, {"end 1", "odd"}}},
         {"we abort after our End(0)",
          {opened, {"finish 1", "> end 1 code 0"}, {"abort 1 2", ""}, {"end 1", ""}}},
         {"we abort after the peer's End(0)",
          {opened, {"end 1", "ended 1"}, {"abort 1 1", "> end 1 code 1"}}},
         {"for an id that nobody opened", {{"end 7", "odd"}, {"end 7 3", "odd"}}}});
  }
}

TEST_CASE("protocol: toward dialect G every End is bare and a half-close waits", "[rules][protocol]") {
  for (const role side : both) {
    const line opened{side == role::client ? "open" : "new 1", "opened 1"};
    play_all(side, dialect::go,
             {{"until the peer's End",
               {opened, {"finish 1", ""}, {"keep 1 +5", "data 1 5"}, {"end 1", "ended 1; > end 1 code 0"}}},
              {"not after the peer's End", {opened, {"end 1", "ended 1"}, {"finish 1", "> end 1 code 0"}}},
              {"until the linger is over",
               {opened,
                {"finish 1", ""},
                {"linger 1", "> end 1 code 0"},
                {"linger 1", ""},
                {"keep 1 +5", "data 1 5"},
                {"end 1", "ended 1"}}},
              {"until our abort", {opened, {"finish 1", ""}, {"abort 1 5", "> end 1 code 0"}, {"end 1", ""}}},
              {"until the peer's abort",
               {opened, {"finish 1", ""}, {"end 1 3", "aborted 1 code 3; > end 1 code 0"}}},
              {"an abort", {opened, {"abort 1 6", "> end 1 code 0"}, {"end 1", ""}, {"end 1", "odd"}}},
              {"no linger without a half-close", {opened, {"linger 1", ""}, {"end 1", "ended 1"}}},
              {"a violation", {opened, {"keep 1 to +9", "violated 1; > end 1 code 0"}}},
              {"a violation while a half-close waits",
               {opened, {"finish 1", ""}, {"keep 1 to +9", "violated 1; > end 1 code 0"}}},
              {"an unknown id", {{"keep 5 +1", "> end 5 code 0"}}}});
  }
  play_all(role::server, dialect::go, {{"a refusal", {{"new 1 invalid", "> end 1 code 0"}}}});
}

TEST_CASE("protocol: CreditUpdate", "[rules][protocol]") {
  for (const role side : both) {
    const line opened{side == role::client ? "open" : "new 1", "opened 1"};
    play_all(
        side, dialect::spec,
        {{"adds",
          {opened,
           {"credit 1 1", "credit 1 1"},
           {"2* credit 1 4294967295", "credit 1 4294967295; credit 1 4294967295"}}},
         {"of nothing", {opened, {"credit 1 0", "odd"}}},
         {"for an unknown id", {opened, {"credit 77 1000", "odd"}}},
         {"after the peer's End(0)", {opened, {"end 1", "ended 1"}, {"credit 1 65536", "credit 1 65536"}}},
         {"after our End(0)", {opened, {"finish 1", "> end 1 code 0"}, {"credit 1 1000", ""}}},
         {"after our abort", {opened, {"abort 1 2", "> end 1 code 2"}, {"credit 1 1000", ""}}},
         {"after a refusal", {{"keep 9 +1", "> end 9 code 3"}, {"credit 9 1000", "odd"}}}});
  }
}

TEST_CASE("protocol: KeepAlive and NegotiateVersion", "[rules][protocol]") {
  for (const role side : both)
    play_all(side, dialect::spec,
             {{"KeepAlive", {{"keep_alive", ""}}},
              {"a second negotiation", {{"negotiate", "failed unexpected_frame"}}}});
}

TEST_CASE("protocol: budgets of odd frames", "[rules][protocol]") {
  struct row {
    const char* name;
    const char* before;
    const char* step;
    int allowed;
    int after_a_second;
  };
  const row rows[] = {
      {"KeepAlive", "", "keep_alive", 100, 10},
      {"empty Keep", "new 1", "keep 1", 100, 10},
      {"Keep with an empty block", "new 1", "keep 1 +0", 100, 10},
      {"credit of nothing", "9* sent", "credit 1 0", 190, 0},
      {"credit for an unknown id", "100* sent", "credit 7 5", 256, 10},
      {"End for an unknown id", "", "end 7", 256, 10},
      {"CreditUpdate without data sent", "new 1", "credit 1 5", 100, 0},
  };
  for (const row& r : rows) {
    INFO(r.name);
    endpoint e(role::server);
    e.run(r.before);
    CHECK(steps_until_failure(e, [&](int) { e.run(r.step); }) == r.allowed + 1);

    endpoint slow(role::server);
    slow.run(r.before);
    for (int i = 0; i < r.allowed; ++i) slow.run(r.step);
    REQUIRE_FALSE(slow.failed);
    slow.run("wait 1000");
    CHECK(steps_until_failure(slow, [&](int) { slow.run(r.step); }) == r.after_a_second + 1);
  }
}

TEST_CASE("protocol: empty datagrams cost nothing", "[rules][protocol]") {
  endpoint e(role::server);
  e.run("new 1 udp");
  for (int i = 0; i < 1000; ++i) e.run("keep 1 +0");
  CHECK_FALSE(e.failed);
}

TEST_CASE("protocol: datagrams beyond the credit cost nothing", "[rules][protocol]") {
  endpoint e(role::server);
  e.run("new 1 udp +65507");
  for (int i = 0; i < 1000; ++i) e.run("keep 1 +1400");
  CHECK_FALSE(e.failed);
  CHECK(e.glitches() == 0);
}

TEST_CASE("protocol: every data frame sent allows ten CreditUpdates", "[rules][protocol]") {
  endpoint e(role::server);
  e.run("new 1");
  e.run("3* sent");
  CHECK(steps_until_failure(e, [&](int) { e.run("credit 1 1"); }) == 131);
}

TEST_CASE("protocol: data beyond the credit weighs ten odd frames", "[rules][protocol]") {
  endpoint e(role::server);
  const auto overrun = [&](int id) {
    e.run(numbered("new", id, "+65535"));
    e.run(numbered("keep", id, "+2"));
  };
  CHECK(steps_until_failure(e, overrun) == 26);
}

TEST_CASE("protocol: Ends that the peer forces are bounded at once, in time and in all",
          "[rules][protocol]") {
  struct row {
    const char* name;
    std::vector<const char*> frames;  ///< "new" and "keep" get an id of their own
  };
  const row rows[] = {
      {"Keep for unknown ids", {"keep ID +1"}},
      {"invalid New", {"new ID invalid", "end ID"}},
      {"addressed Keep on TCP", {"new ID", "keep ID to +1", "end ID"}},
  };
  for (const row& r : rows) {
    INFO(r.name);
    const auto force = [&](endpoint& e, int id) {
      std::string out;
      for (std::string f : r.frames) out += e.run(f.replace(f.find("ID"), 2, std::to_string(id))) + "; ";
      return out;
    };
    endpoint fast(role::server);
    int answered = 0;
    CHECK(steps_until_failure(fast, [&](int id) {
            answered += force(fast, id).find("> end") != std::string::npos ? 1 : 0;
          }) == 101);
    CHECK(answered == 100);

    endpoint slow(role::server);
    CHECK(steps_until_failure(slow, [&](int id) {
            force(slow, id);
            slow.run("wait 100");
          }) == 1001);
  }
}

TEST_CASE("protocol: refusals for lack of room are no misuse", "[rules][protocol]") {
  session_options o;
  o.max_streams = 1;
  endpoint e(role::server, dialect::spec, o);
  e.run("new 1");
  CHECK(steps_until_failure(e, [&](int) {
          e.run("new 2");
          e.run("end 2");
        }) == 5000);
}

TEST_CASE("protocol: sub-streams that the peer aborts within a second are bounded", "[rules][protocol]") {
  const auto abort_after = [](endpoint& e, int id, const char* wait) {
    e.run(numbered("new", id));
    e.run(wait);
    e.run(numbered("end", id, "3"));
  };
  endpoint early(role::server);
  CHECK(steps_until_failure(early, [&](int id) { abort_after(early, id, "wait 0"); }) == 1001);

  endpoint at_its_rate(role::server);
  CHECK(steps_until_failure(at_its_rate, [&](int id) { abort_after(at_its_rate, id, "wait 10"); }) == 5000);

  endpoint late(role::server);
  CHECK(steps_until_failure(late, [&](int id) { abort_after(late, id, "wait 1000"); }) == 5000);

  endpoint graceful(role::server);
  CHECK(steps_until_failure(graceful, [&](int id) {
          graceful.run(numbered("new", id));
          graceful.run(numbered("end", id));
          graceful.run(numbered("finish", id));
        }) == 5000);

  session_options o;
  o.max_streams = 5000;
  endpoint client(role::client, dialect::spec, o);
  CHECK(steps_until_failure(client, [&](int id) {
          client.run("open");
          client.run(numbered("end", id, "5"));
        }) == 5000);
}

TEST_CASE("protocol: control frames that the peer provokes and does not read are bounded",
          "[rules][protocol]") {
  session_options o;
  o.control_queue = 20;
  struct row {
    const char* name;
    std::vector<const char*> frames;
  };
  const row rows[] = {
      {"Keep for unknown ids", {"keep ID +1"}},
      {"invalid New", {"new ID invalid"}},
      {"aborts", {"new ID", "end ID 3"}},
  };
  for (const row& r : rows) {
    INFO(r.name);
    endpoint e(role::server, dialect::spec, o);
    e.peer_reads = false;
    const auto provoke = [&](int id) {
      for (std::string f : r.frames) e.run(f.replace(f.find("ID"), 2, std::to_string(id)));
    };
    CHECK(steps_until_failure(e, provoke) == 21);
    CHECK(e.queue.control_frames() <= 21);

    endpoint read(role::server, dialect::spec, o);
    for (int id = 1; id <= 50; ++id)
      for (std::string f : r.frames) read.run(f.replace(f.find("ID"), 2, std::to_string(id)));
    CHECK_FALSE(read.failed);
  }
}

TEST_CASE("protocol: credit that crosses our End costs a well-behaved peer nothing", "[rules][protocol]") {
  endpoint e(role::server);
  const auto short_download = [&](int id) {
    e.run(numbered("new", id));
    e.run(numbered("end", id));
    e.run("2* sent");
    e.run(numbered("finish", id));
    e.run(numbered("credit", id, "32768"));
  };
  CHECK(steps_until_failure(e, short_download) == 5000);
}

TEST_CASE("protocol: report", "[rules][protocol]") {
  endpoint e(role::server);
  e.run("new 1");
  e.run("new 2");
  e.run("new 3 invalid");
  e.run("end 1 2");
  e.run("end 9");
  session_stats s;
  e.rules.report(s);
  CHECK(s.opened == 2);
  CHECK(s.refused == 1);
  CHECK(s.streams == 1);
  CHECK(s.glitches == 1);
  CHECK(s.ends_sent ==
        std::map<end_code, std::uint64_t>{{end_code::graceful, 1}, {end_code::protocol_error, 1}});
  CHECK(s.ends_received ==
        std::map<end_code, std::uint64_t>{{end_code::timeout, 1}, {end_code::graceful, 1}});
}

TEST_CASE("protocol: the highest common version", "[rules][protocol]") {
  const std::vector<version> known{version_0_1, version_0_0};
  struct row {
    std::vector<version> offered;
    std::optional<version> chosen;
  };
  const row rows[] = {
      {{{0, 0}}, version_0_0},
      {{{0, 1}, {0, 0}}, version_0_1},
      {{{0, 0}, {0, 1}}, version_0_1},
      {{{512, 0}, {256, 0}, {0, 1}, {0, 0}}, version_0_1},
      {{{1, 0}, {0, 0}}, version_0_0},
      {{{1, 0}}, std::nullopt},
      {{}, std::nullopt},
  };
  for (const row& r : rows) CHECK(detail::choose_version(r.offered, known) == r.chosen);
  CHECK(detail::choose_version({{0, 1}, {1, 0}, {0, 7}}, {{0, 7}, {1, 0}, {0, 1}}) == version{1, 0});
}
