// SOCKS 5 as a client: golden bytes, every reply, and a whole handshake against the server's rules.
#include "catch.hpp"
#include "socks_transcript.hpp"

#include <muxpro/error.hpp>

#include <random>

namespace socks_test {
namespace {

using namespace muxpro::proxy;
using muxpro::errc;
using muxpro::host_port;
using muxpro::testing::from_hex;

const host_port target_80{"a.b", 80};
const socks_credentials alice{"alice", "wonder"};

std::string without(std::string_view in) {
  return every_cut(socks_client(socks_command::connect, target_80), from_hex(in));
}
std::string with(std::string_view in) {
  return every_cut(socks_client(socks_command::connect, target_80, alice), from_hex(in));
}

const std::string asks = "say 0501000303612e620050; ";
const std::string logs_in = "say 0105616c69636506776f6e646572; ";

TEST_CASE("socks client: golden handshakes", "[proxy][socks]") {
  CHECK(without("") == "say 050100; more, 0 held");
  CHECK(with("") == "say 05020002; more, 0 held");
  CHECK(without("0500 | 05 00 00 01 c0000201 1234 | 4849") ==
        "say 050100; " + asks + "connected 192.0.2.1:4660, 2 left");
  CHECK(with("0500 | 05 00 00 01 00000000 0000") == "say 05020002; " + asks + "connected 0.0.0.0:0, 0 left");
  CHECK(with("0502 | 0100 | 05 00 00 04 20010db8000000000000000000000001 01bb") ==
        "say 05020002; " + logs_in + asks + "connected [2001:db8::1]:443, 0 left");
  CHECK(without("0500 | 05 00 00 03 01 78 0001") == "say 050100; " + asks + "connected x:1, 0 left");
  CHECK(without("0500 | 05 00 00 03 00 0001") == "say 050100; " + asks + "connected :1, 0 left");
}

TEST_CASE("socks client: its requests", "[proxy][socks]") {
  const auto asked = [](socks_command c, host_port where) {
    return transcript(socks_client(c, std::move(where)), from_hex("0500"));
  };
  CHECK(asked(socks_command::connect, {"192.0.2.1", 80}) ==
        "say 050100; say 05010001c00002010050; more, 0 held");
  CHECK(asked(socks_command::connect, {"::1", 80}) ==
        "say 050100; say 05010004000000000000000000000000000000010050; more, 0 held");
  CHECK(asked(socks_command::udp_associate, {}) == "say 050100; say 05030001000000000000; more, 0 held");
}

TEST_CASE("socks client: methods that it does not take", "[proxy][socks]") {
  CHECK(without("05ff") ==
        "say 050100; refused the destination was rejected: The SOCKS server accepts none of the offered "
        "methods.");
  const std::string not_offered =
      "refused the server's answer breaks its protocol: The SOCKS server chose a method that it was not "
      "offered.";
  CHECK(without("0502 0100") == "say 050100; " + not_offered);
  CHECK(without("0501") == "say 050100; " + not_offered);
  CHECK(with("0503") == "say 05020002; " + not_offered);
  for (const char* status : {"01", "ff"})
    CHECK(with(fmt::format("0502 01{}", status)) == "say 05020002; " + logs_in +
                                                        "refused the destination was rejected: The SOCKS "
                                                        "server does not accept the user and the secret.");
}

TEST_CASE("socks client: servers of other protocols than SOCKS 5", "[proxy][socks]") {
  const std::string no =
      "refused the server's answer breaks its protocol: The server's answer is not SOCKS 5.";
  CHECK(without("0400") == "say 050100; " + no);
  CHECK(without("48545450") == "say 050100; " + no);
  CHECK(without("0500 0400") == "say 050100; " + asks + no);
  CHECK(with("0502 0500") == "say 05020002; " + logs_in + no);
  CHECK(
      without("0500 05 00 00 02 c0000201 1234") ==
      "say 050100; " + asks +
          "refused the server's answer breaks its protocol: The SOCKS server is bound to an unknown type of "
          "address.");
}

TEST_CASE("socks client: a refusal means to our client what the server meant", "[proxy][socks]") {
  for (int code = 1; code < 256; ++code) {
    socks_client c(socks_command::connect, target_80);
    c.next({});
    c.next(from_hex("0500"));
    const auto s = c.next(from_hex(fmt::format("05{:02x}", code)));
    REQUIRE(s.what == socks_client::status::refused);
    CHECK(s.error);
    const auto said_again = std::to_integer<int>(socks_reply(socks_version::v5, s.error)[1]);
    CHECK(said_again == (code <= 6 || code == 8 ? code : 1));
    const auto later = c.next(from_hex("0500"));
    CHECK(later.what == socks_client::status::refused);
  }
}

TEST_CASE("socks client: requests that are not possible", "[proxy][socks]") {
  const auto first = [](host_port where, std::optional<socks_credentials> who = {}) {
    return socks_client(socks_command::connect, std::move(where), std::move(who)).next({});
  };
  for (const char* host : {"", "a b", "[::1"}) CHECK(first({host, 80}).error == errc::bad_host);
  for (const auto& who :
       {socks_credentials{"", "s"}, socks_credentials{"u", ""}, socks_credentials{std::string(256, 'u'), "s"},
        socks_credentials{"u", std::string(256, 's')}})
    CHECK(first(target_80, who).error == errc::bad_option);
  CHECK_FALSE(first(target_80, socks_credentials{std::string(255, 'u'), std::string(255, 's')}).error);
}

TEST_CASE("socks client and server understand each other", "[proxy][socks]") {
  accounts users;
  users.add("alice", "wonder");
  const accounts nobody;
  const host_port targets[] = {{"192.0.2.1", 80}, {"2001:db8::1", 443}, {std::string(255, 'n'), 65535}};
  for (const host_port& where : targets)
    for (const bool closed : {false, true})
      for (const auto command : {socks_command::connect, socks_command::udp_associate}) {
        socks_client c(command, where, closed ? std::optional(alice) : std::nullopt);
        socks_handshake h(closed ? users : nobody);
        byte_string said_by_server;
        socks_handshake::step heard;
        while (heard.what != socks_handshake::status::request) {
          const auto s = c.next(said_by_server);
          REQUIRE(s.what == socks_client::status::send);
          CHECK(s.consumed == said_by_server.size());
          heard = h.next(s.message);
          REQUIRE((heard.what == socks_handshake::status::send ||
                   heard.what == socks_handshake::status::request));
          CHECK(heard.consumed == s.message.size());
          said_by_server = heard.reply;
        }
        CHECK(heard.request.command == command);
        CHECK(heard.request.target.host == where.host);
        CHECK(heard.request.target.port == where.port);
        CHECK((heard.request.user ? heard.request.user->name : "") == (closed ? "alice" : ""));
        const auto last = c.next(socks_reply(socks_version::v5, {}, {"192.0.2.9", 9}));
        REQUIRE(last.what == socks_client::status::connected);
        CHECK(last.bound == host_port{"192.0.2.9", 9});
      }
}

TEST_CASE("socks client: any bytes in any cut end the same way", "[proxy][socks]") {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 2000; ++round) {
    byte_string in = from_hex("0502 0100 05 00 00 03 05 6162636465 0001 ffff");
    for (std::size_t n = rng() % 3; n != 0; --n) in[rng() % in.size()] = static_cast<std::byte>(rng());
    REQUIRE_THAT(every_cut(socks_client(socks_command::connect, target_80, alice), in),
                 !Catch::Matchers::ContainsSubstring("BUT"));
  }
}

}  // namespace
}  // namespace socks_test
