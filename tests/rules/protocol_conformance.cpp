// The conformance cases that a session's rules can judge: bytes through decoder and protocol, compared with
// what is expected of them. Each case runs whole, in single bytes, and with a probe that shows whether the
// session lives.
#include "catch.hpp"
#include "endpoint.hpp"

using namespace rules_test;
using wire_test::conformance_row;
using wire_test::unhex;

namespace {

const byte_string agree_on_0_0 = unhex("00050000000101000400000000");
const byte_string agree_on_0_1_in_layout_g = unhex("00040000000100050100000001");
const byte_string probe = unhex("000d 7ffe 01 00 01 00 1b5f 01 7f000001 | 0004 7ffe 02 01 0004 70696e67");
const std::string alive = "opened 32766; data 32766 4";

/// What a case starts from.
struct setting {
  role side = role::server;
  byte_string prelude = agree_on_0_0;
  bool upstream_ends = false;   ///< the target of sub-stream 1 ends at once
  bool upstream_fails = false;  ///< no target can be reached
};

struct session : endpoint {
  explicit session(const setting& from) : endpoint(from.side) {
    if (from.upstream_ends) ends_at_once = {1};
    refuses_all = from.upstream_fails;
    negotiated = false;
    feed(from.prelude);
  }
};

byte_string joined(std::initializer_list<byte_string> parts) {
  byte_string out;
  for (const byte_string& p : parts) wire_test::append(out, p);
  return out;
}

std::string feed_bytewise(endpoint& e, const byte_string& in) {
  std::string out;
  for (const std::byte& b : in) {
    const std::string one = e.feed({&b, 1});
    if (!one.empty()) out += (out.empty() ? "" : "; ") + one;
  }
  return out;
}

std::string with_cut(const endpoint& e, std::string outcome) {
  if (e.failed || e.at_boundary()) return outcome;
  return outcome + (outcome.empty() ? "cut" : "; cut");
}

void check_case(const setting& from, const byte_string& in, const std::string& outcome) {
  session whole(from), bytewise(from), coalesced(from);
  const std::string seen = whole.feed(in), seen_bytewise = feed_bytewise(bytewise, in);
  CHECK(with_cut(whole, seen) == outcome);
  CHECK(with_cut(bytewise, seen_bytewise) == outcome);
  if (whole.failed || !whole.at_boundary() || !whole.negotiated) return;

  CHECK(whole.feed(probe) == (from.upstream_fails ? "> end 32766 code 0" : alive));
  const std::string before = outcome + (outcome.empty() ? "" : "; ");
  CHECK(coalesced.feed(joined({in, probe})) == before + (from.upstream_fails ? "> end 32766 code 0" : alive));
}

void check_rows(std::initializer_list<setting> settings, const std::vector<conformance_row>& rows) {
  for (const conformance_row& r : rows)
    for (const setting& from : settings) {
      CAPTURE(r.id, r.bytes, from.side);
      check_case(from, unhex(r.bytes), r.expected);
    }
}

byte_string filled(const char* header, std::size_t size, char with = 'z') {
  byte_string out = unhex(header);
  out.resize(out.size() + size, static_cast<std::byte>(with));
  return out;
}

byte_string new_of(int id, const char* rest = "010001001b5f017f000001") {
  return unhex(fmt::format("000d{:04x}{}", id, rest));
}

const byte_string new_1 = unhex("000d0001010001001b5f017f000001");
const setting server, client{role::client};
const byte_string long_script = unhex(
    "00050000000101000400000000000d0001010101001b5f017f000001000568656c6c6f0004000102010002616200041234040000"
    "0400010501000400001000000400010300");

/// Feeds step(1), step(2) ... until the session fails; the number of that step, and what all steps gave.
template <class Step>
std::pair<int, std::string> until_failure(endpoint& e, Step step, int most) {
  std::string all;
  int n = 0;
  while (!e.failed && n < most) all += e.feed(step(++n)) + "; ";
  return {n, all};
}

std::size_t count(const std::string& in, std::string_view what) {
  std::size_t n = 0;
  for (auto at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("conformance NEG by the rules", "[rules][conformance]") {
  check_rows(
      {setting{role::server, {}}},
      {
          {"NEG-01", "00050000000101000400000000", "> negotiate S 0.0"},
          {"NEG-02", "00040000000100050100000001", "> negotiate G 0.1"},
          {"NEG-03", "00050000000104001002000000010000000000000100000000", "> negotiate S 0.1"},
          {"NEG-04", "0005000000010200080000000100000000", "> negotiate S 0.1"},
          {"NEG-05", "0005000000010200080000000000000001", "> negotiate S 0.1"},
          {"NEG-06", "0005000000010200080001000000000000", "> negotiate S 0.0"},
          {"NEG-07", "00050000000101000400010000", "failed no_common_version"},
          {"NEG-09", "000500000001000000", "failed no_common_version"},
          {"NEG-11", "00050000000102000400000000", "failed bad_length"},
          {"NEG-12", "0005000000010100080000000000000001", "failed bad_length"},
          {"NEG-14", "0004000000010000", "failed bad_length"},
          {"NEG-15", "00040000000100050200000001", "failed bad_length"},
          {"NEG-26", "474554202f20485454502f312e310d0a486f73743a20610d0a0d0a", "failed bad_metadata_length"},
          {"NEG-27", "160301020001000001fc0303", "failed bad_metadata_length"},
          {"NEG-28", "00060000000101aa000400000000", "> negotiate S 0.0"},
          {"UNK-05", "000400000900", "failed unknown_state"},
      });
}

TEST_CASE("conformance of a server by the rules", "[rules][conformance]") {
  check_rows(
      {server},
      {
          {"NEW-01", "000d0001010001001b5f017f000001", "opened 1"},
          {"NEW-02", "000d0001010101001b5f017f000001000568656c6c6f", "opened 1; data 1 5"},
          {"NEW-03", "00130001010101001b5f02096c6f63616c686f7374000568656c6c6f", "opened 1; data 1 5"},
          {"NEW-05", "000a0001010001001b5f0200", "> end 1 code 3"},
          {"NEW-07", "00140001010001001b5f020a6c6f63616c00686f7374", "> end 1 code 3"},
          {"NEW-09", "00130001010101001b5f02093132372e302e302e31000568656c6c6f", "opened 1; data 1 5"},
          {"NEW-10", "000f0001010101001b5f02055b3a3a315d000568656c6c6f", "opened 1; data 1 5"},
          {"NEW-11", "00140001010101001b5f020a6c6f63616c686f73742e000568656c6c6f", "opened 1; data 1 5"},
          {"NEW-14", "000d0001010000001b5f017f000001", "> end 1 code 3"},
          {"NEW-15", "000d0001010103001b5f017f000001000568656c6c6f", "> end 1 code 3"},
          {"NEW-17", "000d0001010001001b5f0000000000", "> end 1 code 3"},
          {"NEW-18", "00050001010001", "failed bad_length"},
          {"NEW-19", "000c0001010001001b5f017f0000", "failed bad_length"},
          {"NEW-20", "000d0001010001001b5f0220616263", "failed bad_length"},
          {"NEW-21", "00110001010101001b5f017f000001deadbeef000568656c6c6f", "opened 1; data 1 5"},
          {"NEW-23", "000d0001010101001b5f017f000001000568656c6c6f000d0001010001001b60017f000001",
           "opened 1; data 1 5; failed duplicate_id"},
          {"NEW-41", "000d0001010101001b65017f000001000131000400010201000132000400010201000133",
           "opened 1; data 1 1; data 1 1; data 1 1"},
          {"NEW-42", "000d0001010101001b63017f0000010003616263000400010300", "opened 1; data 1 3; ended 1"},
          {"KEEP-01", "000d0001010001001b5f017f00000100040001020100026162", "opened 1; data 1 2"},
          {"KEEP-02", "000d0001010001001b5f017f000001000400010200", "opened 1"},
          {"KEEP-03", "000d0001010001001b5f017f0000010004000102010000", "opened 1"},
          {"KEEP-04", "000400050201000178", "> end 5 code 3"},
          {"KEEP-05",
           "0004000502010001780004000502010001780004000502010001780004000502010001780004000502010001780004000"
           "50201000178000400050201000178000400050201000178000400050201000178000400050201000178",
           "> end 5 code 3; odd; odd; odd; odd; odd; odd; odd; odd; odd"},
          {"KEEP-06", "000400000201000178", "failed reserved_id"},
          {"KEEP-09", "000d0001010001001b5f017f000001000600010201000000026162", "opened 1; data 1 2"},
          {"KEEP-13", "000d0001010001001b5f017f000001000400010203000178",
           "opened 1; violated 1; > end 1 code 3"},
          {"END-01", "000d0001010001001b5f017f000001000400010300", "opened 1; ended 1"},
          {"END-03", "000d0001010001001b5f017f0000010006000103010001",
           "opened 1; aborted 1 code 1; > end 1 code 0"},
          {"END-04", "000d0001010001001b5f017f0000010006000103010002",
           "opened 1; aborted 1 code 2; > end 1 code 0"},
          {"END-05", "000d0001010001001b5f017f0000010006000103010003",
           "opened 1; aborted 1 code 3; > end 1 code 0"},
          {"END-06", "000d0001010001001b5f017f0000010006000103010004",
           "opened 1; aborted 1 code 4; > end 1 code 0"},
          {"END-07", "000d0001010001001b5f017f0000010006000103010005",
           "opened 1; aborted 1 code 5; > end 1 code 0"},
          {"END-09", "000d0001010001001b5f017f000001000600010301ffff",
           "opened 1; aborted 1 code 65535; > end 1 code 0"},
          {"END-10", "000d0001010001001b5f017f000001000400010301", "opened 1; failed bad_length"},
          {"END-11", "000d0001010001001b5f017f00000100050001030100", "opened 1; failed bad_length"},
          {"END-12", "000d0001010001001b5f017f0000010006000103000003", "opened 1; ended 1"},
          {"PRI-07", "000d0001010001001b5f017f000001000400010201000178", "opened 1; data 1 1"},
          {"IDL-02",
           "000d0384010001001b5f017f000001000d0003010001001b5f017f000001000dfde8010001001b5f017f000001",
           "opened 900; opened 3; opened 65000"},
          {"IDL-04", "000d0001010001001b61017f000001000400010300000d0001010001001b5f017f000001",
           "opened 1; ended 1; failed duplicate_id"},
          {"IDL-05",
           "000d0001010001001b61017f0000010006000103010003000d0001010101001b5f017f000001000568656c6c6f",
           "opened 1; aborted 1 code 3; > end 1 code 0; opened 1; data 1 5"},
          {"IDL-11",
           "000d000101000100000901c00002010006000103010003000d0001010101001b5f017f000001000568656c6c6f",
           "opened 1; aborted 1 code 3; > end 1 code 0; opened 1; data 1 5"},
          {"HCL-01", "000d0001010101001b67017f000001000847455420314d6942000400010300",
           "opened 1; data 1 8; ended 1"},
          {"HCL-04", "000d0001010001001b61017f000001000400010300000400010501000400010000",
           "opened 1; ended 1; credit 1 65536"},
          {"HCL-06", "000d0001010001001b61017f0000010004000103000006000103010003",
           "opened 1; ended 1; aborted 1 code 3; > end 1 code 0"},
          {"LIM-04", "000d0001010001001b5f017f000001000400010203000178",
           "opened 1; violated 1; > end 1 code 3"},
          {"UDP-01", "000d0001010102001b5f017f000001000470696e67", "opened 1; data 1 4"},
          {"UDP-03", "000d0001010002001b5f017f0000010004000102010000", "opened 1; data 1 0"},
          {"UDP-06", "00150001010002001b5f017f0000011122334455667788000400010203000a021b5f017f0000016869",
           "opened 1; data 1 10"},
          {"UDP-08",
           "00150001010002001b5f017f00000111223344556677880004000102030010021b5f02096c6f63616c686f73746869",
           "opened 1; data 1 16"},
          {"UDP-09", "000d0001010002001b5f017f0000010004000102030005021b5f017f", "opened 1; data 1 5"},
          {"UDP-20", "00150001010101001b5f017f0000011122334455667788000161", "opened 1; data 1 1"},
      });
}

TEST_CASE("conformance of both roles by the rules", "[rules][conformance]") {
  check_rows(
      {server, client},
      {
          {"KA-01", "0004beef0400", ""},
          {"KA-02", "000d0001010001001b5f017f000001000400010400000400010201000178", "opened 1; data 1 1"},
          {"KA-03", "000400000400", ""},
          {"KA-06", "0004123404010003616263", "failed bad_options"},
          {"KA-07", "00051234040000", ""},
          {"CRU-01", "000d0001010001001b61017f000001000400010501000400008000", "opened 1; credit 1 32768"},
          {"CRU-03", "000d0001010001001b61017f0000010004000105010000", "opened 1; failed bad_length"},
          {"CRU-04", "000d0001010001001b61017f000001000400010501000101", "opened 1; failed bad_length"},
          {"CRU-05", "000d0001010001001b61017f0000010004000105010003000001", "opened 1; failed bad_length"},
          {"CRU-06", "000d0001010001001b61017f00000100040001050100050000000001",
           "opened 1; failed bad_length"},
          {"CRU-07", "000d0001010001001b61017f00000100040001050100080000000000000000",
           "opened 1; failed bad_length"},
          {"CRU-10", "000d0001010001001b61017f00000100080001050000008000", "opened 1; failed bad_options"},
          {"CRU-11", "000d0001010001001b61017f000001000400010501000400000000", "opened 1; odd"},
          {"CRU-12", "0004004d05010004000003e8", "odd"},
          {"CRU-14", "000d0001010001001b61017f0000010004000105010004ffffffff0004000105010004ffffffff",
           "opened 1; credit 1 4294967295; credit 1 4294967295"},
          {"CRU-15", "000d0001010001001b61017f000001000400010501000400010000", "opened 1; credit 1 65536"},
          {"UNK-01", "000400010600", "failed unknown_state"},
          {"UNK-02", "0004000106010003616263", "failed unknown_state"},
          {"UNK-03", "00040001ff00", "failed unknown_state"},
          {"LEN-02", "000100", "failed bad_metadata_length"},
          {"LEN-03", "00020000", "failed bad_metadata_length"},
          {"LEN-04", "0003000000", "failed bad_metadata_length"},
          {"LEN-07", "ffff", "failed bad_metadata_length"},
          {"LEN-08", "00", "cut"},
          {"LEN-11", "000d0001010001001b5f017f00000100040001020100056162", "opened 1; data 1 5; cut"},
          {"LEN-12", "000d0001010001001b5f017f000001", "opened 1"},
          {"FCS-02", "000d0001010001001b61017f000001000400010501000400000001", "opened 1; credit 1 1"},
          {"FCS-04",
           "000d0001010001001b61017f000001000d0002010001001b5f017f000001000400020201000178000400020300",
           "opened 1; opened 2; data 2 1; ended 2"},
      });
}

TEST_CASE("conformance where our side has ended by the rules", "[rules][conformance]") {
  const setting ended{role::server, agree_on_0_0, true};
  check_rows(
      {ended},
      {
          {"END-17", "000d0001010001001b64017f000001000400010300", "opened 1; > end 1 code 0; ended 1"},
          {"CRU-16", "000d0001010001001b64017f0000010004000105010004000003e8", "opened 1; > end 1 code 0"},
      });
  session crossing(ended);
  crossing.feed(unhex("000d0001010001001b64017f000001000400010300"));
  CHECK_FALSE(crossing.rules.id_known(1));
  CHECK(crossing.rules.streams().size() == 0);
}

TEST_CASE("conformance CMP by the rules", "[rules][conformance]") {
  const setting unreachable{role::server, {}, false, true};
  check_rows({unreachable}, {
                                {"CMP-01", "00040000000100050100000001000d0001010001000001017f000001",
                                 "> negotiate G 0.1; > end 1 code 0"},
                            });
  byte_string empty_data;
  for (int i = 0; i < 20; ++i) wire_test::append(empty_data, unhex("0004000102010000"));
  check_case({role::server, agree_on_0_1_in_layout_g}, joined({new_1, empty_data}), "opened 1");  // CMP-03
}

TEST_CASE("conformance NEW-43: all 256 priorities by the rules", "[rules][conformance]") {
  byte_string in;
  std::string outcome;
  for (int i = 0; i < 256; ++i) {
    wire_test::append(in, new_of(i + 1, fmt::format("010001{:02x}1b5f017f000001", i).c_str()));
    outcome += fmt::format("{}opened {}", i == 0 ? "" : "; ", i + 1);
  }
  check_case(server, in, outcome);
}

TEST_CASE("conformance KEEP-11: the third of three frames cut by the rules", "[rules][conformance]") {
  session s(server);
  CHECK(
      s.feed(unhex("000d0001010001001b5f017f000001000400010201000261610004000102010002626200040001020100")) ==
      "opened 1; data 1 2; data 1 2");
  CHECK_FALSE(s.at_boundary());
  CHECK(s.feed(unhex("026363")) == "data 1 2");
}

TEST_CASE("conformance LEN-05: metadata of 512 bytes by the rules", "[rules][conformance]") {
  check_case(server, filled("0200 0001 01 00 01 00 1b5f 01 7f000001", 499, 0), "opened 1");
}

TEST_CASE("conformance LEN-15: 64 frames in one segment by the rules", "[rules][conformance]") {
  byte_string in;
  std::string outcome;
  for (int id = 1; id < 64; ++id) {
    wire_test::append(in, new_of(id));
    outcome += fmt::format("{}opened {}", id == 1 ? "" : "; ", id);
  }
  check_case(server, in, outcome);
}

TEST_CASE("conformance of large data by the rules", "[rules][conformance]") {
  const auto keep = [](const char* header, std::size_t size) { return filled(header, size, 'k'); };
  const byte_string full_new = filled("000d 0001 01 01 01 00 1b5f 01 7f000001 | ffff", 65535);
  const byte_string new_udp = unhex("000d 0001 01 00 02 00 1b5f 01 7f000001");
  const byte_string all_but_one = keep("0004 0001 02 01 ffff", 65535), one = keep("0004 0001 02 01 0001", 1),
                    two = keep("0004 0001 02 01 0002", 2);
  const std::string overrun = "violated 1; odd; > end 1 code 3";
  struct large_row {
    const char* id;
    byte_string bytes;
    std::string outcome;
    bool both = false;
  };
  const large_row rows[] = {
      {"NEW-27", full_new, "opened 1; data 1 65535"},
      {"KEEP-10", joined({new_1, all_but_one}), "opened 1; data 1 65535"},
      {"FCR-01", joined({new_1, all_but_one, one}), "opened 1; data 1 65535; data 1 1", true},
      {"FCR-02", joined({new_1, all_but_one, two}), "opened 1; data 1 65535; " + overrun, true},
      {"FCR-03", joined({full_new, one, one}), "opened 1; data 1 65535; data 1 1; " + overrun},
      {"FCR-04", full_new, "opened 1; data 1 65535"},
      {"UDP-04", joined({new_udp, keep("0004 0001 02 01 ffe3", 65507)}), "opened 1; data 1 65507"},
      {"UDP-24", joined({new_udp, keep("0004 0001 02 01 ffe3", 65507), keep("0004 0001 02 01 001e", 30)}),
       "opened 1; data 1 65507; dropped 1 30"},
  };
  for (const large_row& r : rows) {
    CAPTURE(r.id);
    check_case(server, r.bytes, r.outcome);
    if (r.both) check_case(client, r.bytes, r.outcome);
  }
}

TEST_CASE("conformance LIM-01: 513 sub-streams by the rules", "[rules][conformance]") {
  session s(server);
  for (int id = 1; id <= 512; ++id)
    if (s.feed(new_of(id)) != fmt::format("opened {}", id)) FAIL("id " << id);
  CHECK(s.feed(new_of(513)) == "> end 513 code 4");
  CHECK(s.feed(unhex("0004 0200 02 01 0001 78")) == "data 512 1");
}

TEST_CASE("conformance of floods by the rules", "[rules][conformance]") {
  SECTION("KA-08") {
    for (const setting& from : {server, client}) {
      session s(from);
      CHECK(until_failure(
                s, [](int) { return unhex("000412340400"); }, 1'000'000)
                .first == 101);
    }
  }
  SECTION("LIM-04") {
    session s(server);
    const auto step = [](int id) {
      return joined({new_of(id), unhex(fmt::format("0004{:04x}0203000178", id))});
    };
    const auto [steps, seen] = until_failure(s, step, 2000);
    CHECK(steps == 101);
    CHECK(count(seen, "> end") == 100);
    CHECK(s.rules.in_use <= 1);
  }
  SECTION("LIM-05") {
    session s(server);
    wire_test::random_engine rng(5);
    const auto step = [&](int) {
      return unhex(fmt::format("0004{:04x}0201000178", wire_test::pick(rng, 1, 65535)));
    };
    const auto [steps, seen] = until_failure(s, step, 100'000);
    CHECK(s.failed);
    CHECK(count(seen, "> end") <= 100);
  }
  SECTION("LIM-06") {
    session s(server);
    s.peer_reads = false;
    until_failure(
        s, [](int id) { return unhex(fmt::format("0004{:04x}0201000178", id)); }, 65535);
    CHECK(s.failed);
    CHECK(s.queue.control_frames() <= 1000);
  }
  SECTION("LIM-08") {
    session s(server);
    s.feed(new_1);
    const byte_string keep_of_one_byte = unhex("00040001020100017a");
    for (int i = 0; i < 300'000 && !s.failed; ++i) {
      s.feed(keep_of_one_byte);
      s.find(1)->window.consume(1);
      if (s.find(1)->window.grant_due()) s.find(1)->window.grant(s.now);
    }
    CHECK_FALSE(s.failed);
  }
  SECTION("LIM-09") {
    for (const setting& from : {server, client}) {
      session s(from);
      s.feed(new_1);
      s.run("5* sent");
      CHECK(until_failure(
                s, [](int) { return unhex("000400010501000400000001"); }, 100'000)
                .first == 151);
    }
  }
}

TEST_CASE("conformance LEN-13: a script cut at every byte by the rules", "[rules][conformance]") {
  const setting fresh{role::server, {}};
  const std::string expected = "> negotiate S 0.0; opened 1; data 1 5; data 1 2; credit 1 4096; ended 1";
  REQUIRE(long_script.size() == 69);
  for (std::size_t cut = 0; cut <= long_script.size(); ++cut) {
    session s(fresh);
    std::string seen = s.feed(const_bytes(long_script).first(cut));
    const std::string rest = s.feed(const_bytes(long_script).subspan(cut));
    if (!seen.empty() && !rest.empty()) seen += "; ";
    CHECK(seen + rest == expected);
    CHECK(s.feed(probe) == alive);
  }
}

TEST_CASE("conformance LEN-14: a script with every bit flipped by the rules", "[rules][conformance]") {
  const setting fresh{role::server, {}};
  for (std::size_t bit = 0; bit < 8 * long_script.size(); ++bit) {
    CAPTURE(bit);
    byte_string flipped = long_script;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    session whole(fresh), bytewise(fresh);
    const std::string seen = whole.feed(flipped), seen_bytewise = feed_bytewise(bytewise, flipped);
    CHECK(seen == seen_bytewise);
    if (!whole.failed && whole.at_boundary()) CHECK(whole.feed(probe) == alive);
  }
}
