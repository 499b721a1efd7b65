// The rules of a session of Mux.Cool. An End ends both directions, there is no credit, and ids are not
// used again.
#include "catch.hpp"
#include "endpoint.hpp"

using namespace rules_test;

namespace mux_cool_protocol {

void play(role side, const std::vector<line>& lines, const session_options& o = {}) {
  session_options options = o;
  options.speaks = dialect::mux_cool;
  endpoint e(side, dialect::mux_cool, options);
  for (const line& l : lines) {
    CAPTURE(l.step);
    CHECK(e.run(l.step) == l.outcome);
  }
}

TEST_CASE("Mux.Cool: a client's End waits for the server's, which would drop the answer",
          "[protocol][mux_cool]") {
  play(role::client, {{"open", "opened 1"},
                      {"finish 1", ""},
                      {"keep 1 +5", "data 1 5"},
                      {"end 1", "ended 1; > end 1 code 0"}});
  play(role::client, {{"open", "opened 1"}, {"finish 1", ""}, {"linger 1", "> end 1 code 0"}});
}

TEST_CASE("Mux.Cool: a server's End goes out at once, and any End answers it", "[protocol][mux_cool]") {
  for (const char* answer : {"end 1", "end 1 1"})
    play(role::server, {{"new 1", "opened 1"},
                        {"finish 1", "> end 1 code 0"},
                        {"keep 1 +5", "data 1 5"},
                        {answer, "ended 1"},
                        {"end 1", ""}});
}

TEST_CASE("Mux.Cool: an End is answered once, and ends both directions", "[protocol][mux_cool]") {
  play(role::server,
       {{"new 1 +3", "opened 1; data 1 3"}, {"end 1", "closed 1; > end 1 code 0"}, {"end 1", ""}});
  play(role::client, {{"open", "opened 1"}, {"end 1", "closed 1; > end 1 code 0"}});
  play(role::server, {{"new 1", "opened 1"}, {"end 1 1", "aborted 1 code 1; > end 1 code 0"}});
}

TEST_CASE("Mux.Cool: an abort is an End with the error bit", "[protocol][mux_cool]") {
  play(role::server, {{"new 1", "opened 1"},
                      {"abort 1 5", "> end 1 code 1"},
                      {"keep 1 +5", ""},
                      {"end 1 1", ""},
                      {"end 1", ""}});
}

TEST_CASE("Mux.Cool: without credit a sub-stream takes what it has room for", "[protocol][mux_cool]") {
  play(role::server,
       {{"new 1", "opened 1"},
        {"4* keep 1 +65535", "data 1 65535; data 1 65535; data 1 65535; data 1 65535"},
        {"keep 1 +4", "data 1 4"},
        {"keep 1 +1", "full 1 1"},
        {"new 2 udp", "opened 2"},
        {"5* keep 2 +65535", "data 2 65535; data 2 65535; data 2 65535; data 2 65535; dropped 2 65535"}});
}

TEST_CASE("Mux.Cool: a Keep of an unknown id is answered with End, once a second", "[protocol][mux_cool]") {
  play(role::server, {{"keep 9 +1", "> end 9 code 1"},
                      {"keep 9 +1", "odd"},
                      {"wait 1001", ""},
                      {"keep 9 +1", "> end 9 code 1"}});
}

TEST_CASE("Mux.Cool: frames that no server sends are odd and harmless", "[protocol][mux_cool]") {
  play(role::client, {{"open", "opened 1"}, {"end 3", "odd"}, {"keep 1 +5", "data 1 5"}});
}

TEST_CASE("Mux.Cool: a client opens 128 sub-streams and no more", "[protocol][mux_cool]") {
  session_options o;
  o.max_streams = 1000;
  o.speaks = dialect::mux_cool;
  endpoint e(role::client, dialect::mux_cool, o);
  for (unsigned id = 1; id <= 128; ++id) {
    CHECK(e.run("open") == fmt::format("opened {0}", id));
    e.run(fmt::format("abort {} 1", id));
    e.run(fmt::format("end {}", id));
  }
  CHECK(e.run("open") == "failed draining");
}

TEST_CASE("Mux.Cool: a single session opens id 0, once", "[protocol][mux_cool]") {
  session_options o;
  o.single = true;
  play(role::client, {{"open udp", "opened 0"}, {"keep 0 +5", "data 0 5"}, {"open udp", "failed draining"}},
       o);
}

TEST_CASE("Mux.Cool: a server takes any id that is not in use", "[protocol][mux_cool]") {
  play(role::server, {{"new 65535", "opened 65535"},
                      {"new 0 udp", "opened 0"},
                      {"new 7", "opened 7"},
                      {"new 7", "failed duplicate_id"}});
}

TEST_CASE("Mux.Cool: floods end the session", "[protocol][mux_cool]") {
  play(role::server, {{"101* keep_alive", "failed budget_exceeded"}});
  session_options few;
  few.glitch = {3, 0};
  play(role::server, {{"4* end 5", "odd; odd; odd; failed budget_exceeded"}}, few);
  few.empty_frames = {2, 0};
  play(role::server, {{"new 1", "opened 1"}, {"3* keep 1 +0", "failed budget_exceeded"}}, few);
  few.premature_end = {1, 0};
  play(role::server,
       {{"new 1", "opened 1"},
        {"end 1 1", "aborted 1 code 1; > end 1 code 0"},
        {"new 2", "opened 2"},
        {"end 2 1", "failed budget_exceeded"}},
       few);
  few.local_reset = {1, 0};
  play(role::server, {{"keep 5 +1", "> end 5 code 1"}, {"keep 6 +1", "failed budget_exceeded"}}, few);
}

}  // namespace mux_cool_protocol
