// SOCKS 4, 4a and 5 as a server: golden bytes, every cut, users and others.
#include "catch.hpp"
#include "socks_transcript.hpp"

#include <random>

namespace socks_test {
namespace {

using namespace muxpro::proxy;
using muxpro::testing::from_hex;

std::string open_server(const byte_string& in) {
  const accounts nobody;
  return every_cut(socks_handshake(nobody), in);
}
std::string open_server(std::string_view in) { return open_server(from_hex(in)); }

accounts two_users() {
  accounts users;
  users.add("alice", "wonder");
  users.add("bob", std::string(255, 's'));
  return users;
}

std::string closed_server(const byte_string& in) {
  const accounts users = two_users();
  return every_cut(socks_handshake(users), in);
}
std::string closed_server(std::string_view in) { return closed_server(from_hex(in)); }

byte_string counted(std::string_view text) {
  return byte_string{static_cast<std::byte>(text.size())} + bytes_of(text);
}
byte_string login(std::string_view user, std::string_view secret) {
  return from_hex("05 01 02 | 01") + counted(user) + counted(secret);
}
byte_string request_for(std::string_view name) {
  return from_hex("05 01 00 03") + counted(name) + from_hex("0050");
}

TEST_CASE("socks 5: golden requests", "[proxy][socks]") {
  CHECK(open_server("05 01 00 | 05 01 00 01 c0000201 0050") ==
        "say 0500; v5 connect tcp:192.0.2.1:80 by '', 0 left");
  CHECK(open_server("05 02 00 01 | 05 01 00 04 20010db8000000000000000000000001 01bb | 160301") ==
        "say 0500; v5 connect tcp:[2001:db8::1]:443 by '', 3 left");
  CHECK(open_server("05 03 01 02 00 | 05 01 00 03 0b 6578616d706c652e636f6d ffff") ==
        "say 0500; v5 connect tcp:example.com:65535 by '', 0 left");
  CHECK(open_server("05 01 00 | 05 03 00 01 00000000 0000") ==
        "say 0500; v5 associate udp:0.0.0.0:0 by '', 0 left");
  CHECK(open_server("05 01 00 | 05 03 00 03 01 61 0035") == "say 0500; v5 associate udp:a:53 by '', 0 left");
  CHECK(open_server("05 01 00 | 05 01 ff 01 c0000201 0050") ==
        "say 0500; v5 connect tcp:192.0.2.1:80 by '', 0 left");
}

TEST_CASE("socks 5: the method is the required one, or no method", "[proxy][socks]") {
  CHECK(open_server("05 00") == "refused 05ff The client insists on authentication.");
  CHECK(open_server("05 01 02") == "refused 05ff The client insists on authentication.");
  CHECK(open_server("05 02 01 ff") == "refused 05ff The client insists on authentication.");
  CHECK(open_server("05 02 02 00") == "say 0500; more, 0 held");
  CHECK(closed_server("05 00") == "refused 05ff The client offers no user and secret.");
  CHECK(closed_server("05 01 00") == "refused 05ff The client offers no user and secret.");
  CHECK(closed_server("05 02 00 02") == "say 0502; more, 0 held");
  byte_string all = from_hex("05 ff");
  for (int m = 0; m < 255; ++m) all.push_back(static_cast<std::byte>(m));
  CHECK(open_server(all) == "say 0500; more, 0 held");
  CHECK(closed_server(all) == "say 0502; more, 0 held");
}

TEST_CASE("socks 5: user and secret (RFC 1929)", "[proxy][socks]") {
  const std::string yes = "say 0502; say 0100; v5 connect tcp:a:80 by ";
  const std::string no = "say 0502; refused 0101 The user or the secret is wrong.";
  CHECK(closed_server(login("alice", "wonder") + request_for("a")) == yes + "'alice', 0 left");
  CHECK(closed_server(login("bob", std::string(255, 's')) + request_for("a")) == yes + "'bob', 0 left");
  CHECK(closed_server(login("alice", "wonder")) == "say 0502; say 0100; more, 0 held");
  for (const auto& wrong :
       {login("alice", "wonder "), login("alice", "wonde"), login("alice", ""), login("alice", "Wonder"),
        login("Alice", "wonder"), login("bob", "wonder"), login("", "wonder"), login("", ""),
        login("alicew", "onder"), login("nobody", "wonder"), login("bob", std::string(254, 's')),
        login(std::string(255, 'u'), std::string(255, 's')), login("alice", std::string_view("wonder\0", 7))})
    CHECK(closed_server(wrong + request_for("a")) == no);
}

TEST_CASE("socks 5: no request before authentication has succeeded (CVE-2023-43644)", "[proxy][socks]") {
  const std::string no = "say 0502; refused 0101 The client does not authenticate.";
  CHECK(closed_server(from_hex("05 01 02") + request_for("a")) == no);
  CHECK(closed_server("05 01 02 | 05 01 00 01 7f000001 0050") == no);
  CHECK(closed_server("05 01 02 | 05 01 02 | 05 01 00 01 7f000001 0050") == no);
  CHECK(closed_server("05 01 02 | 00") == no);
  const accounts users = two_users();
  socks_handshake h(users);
  CHECK(h.next(from_hex("05 01 02")).what == socks_handshake::status::send);
  CHECK(h.next(from_hex("01 01 61 01 62")).what == socks_handshake::status::refused);
  for (int again = 0; again < 3; ++again) {
    const auto s = h.next(request_for("a"));
    CHECK(s.what == socks_handshake::status::refused);
    CHECK(s.reply.empty());
  }
}

TEST_CASE("socks 5: commands and address types that are not spoken", "[proxy][socks]") {
  const std::string command =
      "say 0500; refused 05070001000000000000 The command is not CONNECT or UDP ASSOCIATE.";
  for (const char* c : {"00", "02", "04", "ff"})
    CHECK(open_server(fmt::format("05 01 00 | 05 {} 00 01 c0000201 0050", c)) == command);
  const std::string type = "say 0500; refused 05080001000000000000 The type of the address is unknown.";
  for (const char* t : {"00", "02", "05", "ff"})
    CHECK(open_server(fmt::format("05 01 00 | 05 01 00 {} c0000201 0050", t)) == type);
  CHECK(open_server("05 01 00 | 04 01 0050 c0000201 00") ==
        "say 0500; refused 05010001000000000000 The request is not one of SOCKS 5.");
  CHECK(open_server("05 01 00 | 05 01 00 01 c0000201 0000") ==
        "say 0500; refused 05010001000000000000 The port is 0.");
}

TEST_CASE("socks: other protocols get no answer", "[proxy][socks]") {
  for (int first = 0; first < 256; ++first) {
    CHECK(begins_socks(static_cast<std::byte>(first)) == (first == 4 || first == 5));
    if (first == 4 || first == 5) continue;
    CHECK(open_server(byte_string{static_cast<std::byte>(first), std::byte{1}, std::byte{0}}) ==
          "refused  This is neither SOCKS 4 nor SOCKS 5.");
  }
  CHECK(open_server("") == "more, 0 held");
}

TEST_CASE("socks 5: names", "[proxy][socks]") {
  const std::string accepted = "say 0500; v5 connect tcp:",
                    refused = "say 0500; refused 05010001000000000000 ";
  const byte_string hello = from_hex("05 01 00");
  for (std::size_t n = 1; n <= 255; ++n) {
    const std::string name(n, 'a');
    const accounts nobody;
    CHECK(transcript(socks_handshake(nobody), hello + request_for(name)) ==
          accepted + name + ":80 by '', 0 left");
  }
  CHECK(open_server(hello + request_for(std::string(255, 'a'))) ==
        accepted + std::string(255, 'a') + ":80 by '', 0 left");
  for (const char* name : {"localhost", "LOCALHOST.", "_a-b.c", "1.2.3", "xn--bcher-kva.example"})
    CHECK(open_server(hello + request_for(name)) == accepted + name + ":80 by '', 0 left");
  for (const std::string_view name :
       {std::string_view(""), std::string_view("a b"), std::string_view("a\0b", 3), std::string_view("a:80"),
        std::string_view("b\xc3\xbc"), std::string_view("a/b"), std::string_view("user@a"),
        std::string_view("[::1"), std::string_view("fe80::1%eth0"), std::string_view("127.0.0.1\0", 10),
        std::string_view("\r\n")})
    CHECK(open_server(hello + request_for(name)) == refused + "The name is not a valid host name.");
}

TEST_CASE("socks: a name that spells an address is that address", "[proxy][socks]") {
  const byte_string hello = from_hex("05 01 00");
  const std::pair<const char*, const char*> all[] = {{"127.0.0.1", "127.0.0.1"},
                                                     {"::1", "[::1]"},
                                                     {"[::1]", "[::1]"},
                                                     {"::ffff:127.0.0.1", "[::ffff:127.0.0.1]"}};
  for (const auto& [name, meant] : all) {
    CHECK(open_server(hello + request_for(name)) ==
          fmt::format("say 0500; v5 connect tcp:{}:80 by '', 0 left", meant));
    CHECK(open_server(from_hex("04 01 0050 00000001 00") + bytes_of(name) + from_hex("00")) ==
          fmt::format("v4 connect tcp:{}:80 by '', 0 left", meant));
  }
}

TEST_CASE("socks 4 and 4a: golden requests", "[proxy][socks]") {
  CHECK(open_server("04 01 0050 c0000201 00") == "v4 connect tcp:192.0.2.1:80 by '', 0 left");
  CHECK(open_server("04 01 01bb c0000201 726f6f74 00 1603") == "v4 connect tcp:192.0.2.1:443 by '', 2 left");
  CHECK(open_server("04 01 0050 00000001 00 612e62 00 ff") == "v4 connect tcp:a.b:80 by '', 1 left");
  CHECK(open_server("04 01 0050 000000ff 726f6f74 00 612e62 00") == "v4 connect tcp:a.b:80 by '', 0 left");
  CHECK(open_server("04 01 0050 00000000 00 612e62 00") == "v4 connect tcp:0.0.0.0:80 by '', 4 left");
  CHECK(open_server("04 01 0050 00000100 00") == "v4 connect tcp:0.0.1.0:80 by '', 0 left");
}

TEST_CASE("socks 4: what is refused", "[proxy][socks]") {
  const std::string no = "refused 005b000000000000 ";
  for (const char* c : {"00", "02", "03", "ff"})
    CHECK(open_server(fmt::format("04 {} 0050 c0000201 00", c)) == no + "The command is not CONNECT.");
  CHECK(open_server("04 01 0000 c0000201 00") == no + "The port is 0.");
  CHECK(open_server("04 01 0000 00000001 00 61 00") == no + "The port is 0.");
  CHECK(open_server("04 01 0050 00000001 00 00") == no + "The name is not a valid host name.");
  CHECK(open_server("04 01 0050 00000001 00 612062 00") == no + "The name is not a valid host name.");
  CHECK(closed_server("04 01 0050 c0000201 616c69636500") == no + "SOCKS 4 has no password.");
}

TEST_CASE("socks 4: texts have 255 bytes at most", "[proxy][socks]") {
  const std::string no = "refused 005b000000000000 ";
  const byte_string fixed = from_hex("04 01 0050 c0000201"), named = from_hex("04 01 0050 00000001"),
                    nul = from_hex("00"), longest = bytes_of(std::string(255, 'a')),
                    longer = longest + bytes_of("a");
  CHECK(open_server(fixed + longest + nul) == "v4 connect tcp:192.0.2.1:80 by '', 0 left");
  CHECK(open_server(fixed + longest) == "more, 263 held");
  CHECK(open_server(fixed + longer) == no + "The user id is too long.");
  CHECK(open_server(fixed + longer + nul) == no + "The user id is too long.");
  CHECK(open_server(named + longest + nul + longest + nul) ==
        fmt::format("v4 connect tcp:{}:80 by '', 0 left", std::string(255, 'a')));
  CHECK((named + longest + nul + longest + nul).size() == socks_handshake::max_message);
  CHECK(open_server(named + longest + nul + longer) == no + "The name is too long.");
  CHECK(open_server(named + nul + longer + nul) == no + "The name is too long.");
}

TEST_CASE("socks: no prefix of a request is one", "[proxy][socks]") {
  const accounts nobody, users = two_users();
  const byte_string requests[] = {from_hex("05 01 00") + request_for("example.com"),
                                  from_hex("05 01 00 | 05 01 00 04 20010db8000000000000000000000001 01bb"),
                                  from_hex("04 01 0050 c0000201 7573657200"),
                                  from_hex("04 01 0050 00000001 7573657200 612e6200")};
  for (const byte_string& r : requests)
    for (std::size_t n = 0; n < r.size(); ++n)
      CHECK_THAT(transcript(socks_handshake(nobody), const_bytes(r).first(n)),
                 Catch::Matchers::EndsWith(" held"));
  const byte_string r = login("alice", "wonder") + request_for("a");
  for (std::size_t n = 0; n < r.size(); ++n)
    CHECK_THAT(transcript(socks_handshake(users), const_bytes(r).first(n)),
               Catch::Matchers::EndsWith(" held"));
}

TEST_CASE("socks: any bytes in any cut end the same way", "[proxy][socks]") {
  std::mt19937_64 rng(7);
  const accounts nobody, users = two_users();
  const byte_string good[] = {login("alice", "wonder") + request_for("example.com"),
                              from_hex("05 01 00") + request_for(std::string(200, 'x')),
                              from_hex("04 01 0050 00000001 7573657200 612e6200 55")};
  for (int round = 0; round < 3000; ++round) {
    byte_string in = good[rng() % std::size(good)];
    if (round % 3 == 0) in.resize(rng() % 700);
    for (std::size_t n = rng() % 4; n != 0 && !in.empty(); --n)
      in[rng() % in.size()] = static_cast<std::byte>(rng());
    if (!in.empty()) in[0] = static_cast<std::byte>(4 + rng() % 2);
    std::vector<std::size_t> pieces;
    for (std::size_t sum = 0; sum < in.size(); sum += pieces.back()) pieces.push_back(1 + rng() % 60);
    for (const accounts* who : {&nobody, &users}) {
      const std::string whole = transcript(socks_handshake(*who), in);
      REQUIRE(whole == transcript(socks_handshake(*who), in, pieces));
      const bool has_request = whole.find("connect") != whole.npos || whole.find("associate") != whole.npos;
      if (who == &users && has_request) REQUIRE(whole.find("by 'alice'") != whole.npos);
    }
  }
}

}  // namespace
}  // namespace socks_test
