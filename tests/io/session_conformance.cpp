// The conformance cases of the negotiation, NEG and NGC, byte for byte; and those that cut or flip a whole
// script.
#include "conformance.hpp"

using namespace io_test;

namespace {

constexpr const char* reply_0_0 = "0005 0000 0001 01 0004 00000000";
constexpr const char* reply_0_1 = "0005 0000 0001 01 0004 00000001";

struct negotiation_case {
  const char* id;
  const char* input;
  const char* reply;  ///< null: the session is closed without a byte
};

void check_closed(subject& x) {
  CHECK(x.peer->take_hex() == "");
  CHECK(x.peer->ended() == asio::error::connection_reset);
  REQUIRE(*x.fate);
  CHECK((*x.fate)->category() == error_category());
  CHECK(!x.s.negotiated());
}

/// The server's side of one case. A probe in the same write is answered behind the reply, and only behind it.
void check_request(const negotiation_case& c, delivery how) {
  CAPTURE(c.id, static_cast<int>(how));
  subject x(role::server);
  if (how == delivery::byte_by_byte) {
    x.peer->write_each_byte(from_hex(c.input));
  } else if (how == delivery::with_probe) {
    x.peer->write(joined({c.input, probe_of_server}));
  } else {
    x.peer->write(c.input);
  }
  if (!c.reply) return check_closed(x);
  const std::string answer = how == delivery::with_probe ? "0004 7ffe 0201 0004 70696e67" : "";
  CHECK(x.peer->take() == joined({c.reply, answer}));
  CHECK(x.s.negotiated());
  CHECK(x.s.stats().glitches == (how == delivery::with_probe ? 1 : 0));
  if (how == delivery::with_probe) return;
  x.peer->write(probe_of_server);
  CHECK(summary(x.peer->take()) == "32766 \"ping\"");
}

void check_requests(std::initializer_list<negotiation_case> cases) {
  for (const auto& c : cases) {
    for (const delivery how : all_deliveries) check_request(c, how);
  }
}

/// The client's side: `input` answers its request, an open waits meanwhile.
void check_reply(const negotiation_case& c, delivery how) {
  CAPTURE(c.id, static_cast<int>(how));
  outcome opened;
  subject x(role::client);
  x.s.async_open(open_request(destination(network::tcp, "127.0.0.1", 7007)), into(opened));
  run_ready(x.context);
  const auto request = compatible_request();
  CHECK(x.peer->take() == byte_string(request.begin(), request.end()));
  const byte_string input =
      how == delivery::with_probe ? joined({c.input, "0004 beef 04 00"}) : from_hex(c.input);
  if (how == delivery::byte_by_byte) {
    x.peer->write_each_byte(input);
  } else {
    x.peer->write(input);
  }
  if (c.reply) {
    CHECK(opened.is({}));
    CHECK(x.peer->take_hex() == to_hex(from_hex("000d 0001 0100 01 00 1b5f 01 7f000001")));
    CHECK(x.alive());
    return;
  }
  check_closed(x);
  REQUIRE(opened.calls == 1);
  CHECK(opened.error == **x.fate);
}

void check_replies(std::initializer_list<negotiation_case> cases) {
  for (const auto& c : cases) {
    for (const delivery how : all_deliveries) check_reply(c, how);
  }
}

/// LEN-13: everything a session can get, with its negotiation.
constexpr const char* script =
    "00050000000101000400000000000d0001010101001b5f017f000001000568656c6c6f0004000102010002616200041234040000"
    "040001"
    "0501000400001000000400010300";

}  // namespace

TEST_CASE("conformance NEG: requests that are answered", "[session][conformance]") {
  check_requests({
      {"NEG-01", "00050000000101000400000000", reply_0_0},
      {"NEG-02", "00040000000100050100000001", "0004 0000 0001 0005 01 00000001"},
      {"NEG-02 with 0.0", "00040000000100050100000000", "0004 0000 0001 0005 01 00000000"},
      {"NEG-03", "00050000000104001002000000010000000000000100000000", reply_0_1},
      {"NEG-04", "0005000000010200080000000100000000", reply_0_1},
      {"NEG-05", "0005000000010200080000000000000001", reply_0_1},
      {"NEG-05 in layout G", "0004000000010009020000000000000001", "0004 0000 0001 0005 01 00000001"},
      {"NEG-06", "0005000000010200080001000000000000", reply_0_0},
      {"NEG-25", "00050000000101000400000000", reply_0_0},
      {"NEG-28", "00060000000101aa000400000000", reply_0_0},
      {"the same version twice", "0005000000010200080000000000000000", reply_0_0},
  });
}

TEST_CASE("conformance NEG: requests that close the session", "[session][conformance]") {
  check_requests({
      {"NEG-07", "00050000000101000400010000", nullptr},
      {"NEG-09", "000500000001000000", nullptr},
      {"NEG-11", "00050000000102000400000000", nullptr},
      {"NEG-12", "0005000000010100080000000000000001", nullptr},
      {"NEG-14", "0004000000010000", nullptr},
      {"NEG-15", "00040000000100050200000001", nullptr},
      {"count 0 in layout G", "0004000000010001 00", nullptr},
      {"count 1, two versions in layout G", "0004000000010009010000000000000001", nullptr},
      {"length no multiple of four", "0005000000010100060000000000 00", nullptr},
      {"option bits missing", "00050000000001", nullptr},
      {"an option bit too many", "00050000000301000400000000", nullptr},
      {"an id", "00050001000101000400000000", nullptr},
      {"NEG-19", "000d0001010001001b5f017f000001", nullptr},
      {"NEG-20", "000400010201000178", nullptr},
      {"first frame is End", "000400010300", nullptr},
      {"first frame is KeepAlive", "000412340400", nullptr},
      {"NEG-22", "000400010501000400000001", nullptr},
      {"NEG-26", "474554202f20485454502f312e310d0a486f73743a20610d0a0d0a", nullptr},
      {"NEG-27", "160301020001000001fc0303", nullptr},
      {"UNK-05", "000400000900", nullptr},
      {"LEN-07", "ffff", nullptr},
      {"metadata length 0", "0000", nullptr},
  });
}

TEST_CASE("conformance NEG-23: a second negotiation closes the session", "[session][conformance]") {
  for (const char* second : {"00050000000101000400000000", "00040000000100050100000001"}) {
    for (const delivery how : all_deliveries) {
      subject x(role::server);
      x.negotiate();
      deliver(x, from_hex(second), probe_of_server, how);
      check_reaction(x, "SESSION", "");
    }
  }
}

TEST_CASE("conformance NEG-24: a New behind the request is served, and counted as odd",
          "[session][conformance]") {
  subject x(role::server);
  x.peer->write("00050000000101000400000000000d0001010101001b5f017f00000100026869");
  CHECK(x.peer->take() == joined({reply_0_0, "0004 0001 0201 0002 6869"}));
  CHECK(x.s.stats().glitches == 1);
}

TEST_CASE("conformance NEG-29: the peer leaves without a byte, or inside its request",
          "[session][conformance]") {
  const byte_string request = from_hex("00050000000101000400000000");
  for (std::size_t n = 0; n < request.size(); ++n) {
    CAPTURE(n);
    subject x(role::server);
    x.peer->write(byte_string(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(n)));
    x.peer->shutdown();
    CHECK(x.peer->take_hex() == "");
    CHECK(x.peer->ended());
    REQUIRE(*x.fate);
    CHECK(**x.fate == errc::connection_lost);
  }
}

TEST_CASE("conformance NEG-30: the server sends nothing behind its reply", "[session][conformance]") {
  subject x(role::server);
  x.negotiate();
  x.clock.run_for(x.context, 5s);
  CHECK(x.peer->take_hex() == "");
  x.clock.run_for(x.context, 200s);
  CHECK(x.peer->take_hex() == "");
  CHECK(x.alive());
}

TEST_CASE("conformance NGC-01: the client sends its request and waits", "[session][conformance]") {
  outcome opened;
  subject x(role::client);
  x.s.async_open(to_tcp(), into(opened));
  run_ready(x.context);
  CHECK(x.peer->take() == from_hex("0005 0000 00 01 04 0010 02000000 01000000 00000001 00000000"));
  CHECK(!opened.done());
  x.peer->write("0005 0000 0001 01 0004 000000");
  CHECK(x.peer->take_hex() == "");
  CHECK(!opened.done());
}

TEST_CASE("conformance NGC: replies that open the session", "[session][conformance]") {
  check_replies({
      {"NGC-02", "00050000000101000400000000", ""},
      {"0.1", "00050000000101000400000001", ""},
      {"0.1 in layout G", "00040000000100050100000001", ""},
      {"0.0 in layout G", "00040000000100050100000000", ""},
      {"trailing metadata", "00060000000101aa000400000000", ""},
  });
}

TEST_CASE("conformance NGC: replies that close the session", "[session][conformance]") {
  check_replies({
      {"NGC-05", "00050000000101000401000000", nullptr},
      {"the other GREASE value", "00050000000101000402000000", nullptr},
      {"an unknown version", "00050000000101000400010000", nullptr},
      {"NGC-06", "0005000000010200080000000100000000", nullptr},
      {"NGC-07", "000500000001000000", nullptr},
      {"count 0 in layout G", "00040000000100010000", nullptr},
      {"count and length disagree", "00050000000102000400000000", nullptr},
      {"NGC-09", "00050000000001", nullptr},
      {"NGC-10", "000412340400", nullptr},
      {"an id", "00050001000101000400000000", nullptr},
      {"HTTP", "485454502f312e3120343030", nullptr},
      {"first frame is New", "000d0001010001001b5f017f000001", nullptr},
  });
}

TEST_CASE("conformance NGC-12: a second negotiation closes the session", "[session][conformance]") {
  for (const delivery how : all_deliveries) {
    subject x(role::client);
    deliver(x, from_hex("0005000000010100040000000000050000000101000400000000"), "0004 beef 04 00", how);
    x.peer->take();
    check_reaction(x, "SESSION", "");
  }
}

TEST_CASE("conformance NGC-13, NGC-14: the server leaves before its reply is whole",
          "[session][conformance]") {
  const byte_string reply = from_hex(reply_0_1);
  for (const bool abruptly : {false, true}) {
    for (std::size_t n = 0; n < reply.size(); ++n) {
      CAPTURE(n, abruptly);
      outcome opened;
      subject x(role::client);
      x.s.async_open(to_tcp(), into(opened));
      x.peer->write(byte_string(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(n)));
      abruptly ? x.peer->close() : x.peer->shutdown();
      REQUIRE(*x.fate);
      CHECK(**x.fate != error_code());
      CHECK(opened.is(**x.fate));
    }
  }
}

TEST_CASE("conformance LEN-13: a script cut at each byte has one result", "[session][conformance]") {
  const byte_string all = from_hex(script);
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    CAPTURE(cut);
    subject x(role::server);
    x.peer->write(byte_string(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut)));
    x.peer->write(byte_string(all.begin() + static_cast<std::ptrdiff_t>(cut), all.end()));
    const byte_string got = x.peer->take();
    CHECK(byte_string(got.begin(), got.begin() + 13) == from_hex(reply_0_0));
    CHECK(summary(byte_string(got.begin() + 13, got.end())) == "1 \"helloab\" end");
    CHECK(x.alive());
  }
}

TEST_CASE("conformance LEN-14: no flipped bit hangs, crashes or leaks", "[session][conformance]") {
  const byte_string all = from_hex(script);
  for (std::size_t bit = 0; bit < 8 * all.size(); ++bit) {
    CAPTURE(bit);
    byte_string flipped = all;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    subject x(role::server);
    x.peer->write(flipped);
    x.peer->shutdown();
    REQUIRE(*x.fate);
    CHECK(x.s.stats().streams == 0);
    CHECK(summary(x.peer->take()).find("no frames") == std::string::npos);
  }
}
