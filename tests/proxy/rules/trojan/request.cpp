// The head of Trojan: golden bytes, every cut, every wrong byte.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/trojan/request.hpp"

namespace trojan_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::destination;
using muxpro::network;
using muxpro::testing::from_hex;

const accounts& one_user() {
  static const accounts all = [] {
    accounts users;
    user_account alice;
    alice.name = "alice";
    users.add_key(alice, trojan_key("password"));
    return users;
  }();
  return all;
}

request_head read(const_bytes in) { return read_trojan_request(in, one_user()); }

const std::string first_line =
    "64363364633931396532303164376263346338323536333064326366323566646339336434623266306434363730366432393033"
    "386430310d"
    "0a";
std::string read_cut(std::string_view in) { return every_cut(from_hex(first_line + std::string(in)), read); }

TEST_CASE("trojan: the key is a hash of the password", "[proxy][trojan]") {
  CHECK(trojan_key("secret") == "95c7fbca92ac5083afda62a564a3d014fc3b72c9140e3cb99ea6bf12");
  CHECK(trojan_key("password") == "d63dc919e201d7bc4c825630d2cf25fdc93d4b2f0d46706d29038d01");
}

TEST_CASE("trojan: golden requests", "[proxy][trojan]") {
  const struct {
    std::string wire;
    destination target;
  } requests[] = {
      {"01030b6578616d706c652e636f6d01bb0d0a", {network::tcp, "example.com", 443}},
      {"030101010101"
       "00350d0a",
       {network::udp, "1.1.1.1", 53}},
      {"010420010db8000000000000000000000001"
       "ffff0d0a",
       {network::tcp, "2001:db8::1", 65535}},
  };
  for (const auto& r : requests) {
    CHECK(hex(trojan_request(trojan_key("password"), r.target)) == first_line + r.wire);
    const std::string expected = fmt::format("alice to {}, {} bytes", r.target, 58 + r.wire.size() / 2);
    CHECK(read_cut(r.wire) == expected);
    CHECK(read_cut(r.wire + "474554") == expected);
  }
}

// What the program trojan 1.16 sends for a client of SOCKS.
TEST_CASE("trojan: a request for datagrams may have no target", "[proxy][trojan]") {
  CHECK(read_cut("03010000000000000d0a") == "alice to udp:0.0.0.0:0, 68 bytes");
  CHECK(read_cut("01010000000000000d0a") == "alice is refused: The Trojan request has no valid target.");
}

TEST_CASE("trojan: the longest request", "[proxy][trojan]") {
  const destination far(network::tcp, std::string(255, 'a'), 1);
  const byte_string wire = trojan_request(trojan_key("password"), far);
  CHECK(wire.size() == max_trojan_request);
  CHECK(every_cut(wire, read) == fmt::format("alice to {}, {} bytes", far, wire.size()));
}

TEST_CASE("trojan: strangers are known as early as can be", "[proxy][trojan]") {
  const byte_string good = from_hex(first_line + "01030b6578616d706c652e636f6d01bb0d0a");
  for (std::size_t at = 0; at < 58; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      byte_string wrong = good;
      wrong[at] ^= static_cast<std::byte>(1 << bit);
      CHECK(every_cut(wrong, read) == "stranger");
    }
  CHECK(decided_at(bytes_of("GET / HTTP/1.1\r\n"), read) == 1);
  CHECK(decided_at(bytes_of("xabc"), read) == 1);
  CHECK(decided_at(bytes_of("abc0\r\n"), read) == 5);
  const std::string other(56, 'a');
  CHECK(decided_at(bytes_of(other + "\n1"), read) == 57);
  CHECK(decided_at(bytes_of(other + "\r1"), read) == 58);
  CHECK(decided_at(bytes_of(other + "\r\n1"), read) == 58);
}

TEST_CASE("trojan: requests that are not allowed", "[proxy][trojan]") {
  for (const char* command : {"00", "02", "04", "7f", "ff"})
    CHECK(read_cut(command) == "alice is refused: The Trojan command is unknown.");
  CHECK(read_cut("01030b76312e6d75782e636f6f6c25370d0a") == "alice to tcp:v1.mux.cool:9527, 76 bytes");
  CHECK(read_cut("01031473702e6d75782e73696e672d626f782e617270610001"
                 "0d0a") == "alice is refused: The client asks for sing-mux, which muxpro does not have.");
  for (const char* target : {"00", "02", "05", "030000500d0a", "0302612f00500d0a", "01c000020100000d0a"})
    CHECK(read_cut("01" + std::string(target)) ==
          "alice is refused: The Trojan request has no valid target.");
  for (const char* end : {"0d0d", "0a0d", "0000"})
    CHECK(read_cut("0101c00002010050" + std::string(end)) ==
          "alice is refused: The Trojan request does not end with a line.");
}

}  // namespace
}  // namespace trojan_test
