// Datagrams in Trojan.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/trojan/packets.hpp"

#include <array>
#include <random>

namespace trojan_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::host_port;
using muxpro::testing::from_hex;

TEST_CASE("trojan: golden datagrams", "[proxy][trojan]") {
  byte_string wire;
  CHECK(append_trojan_packet(wire, {"1.1.1.1", 53}, bytes_of("abcd")));
  CHECK(hex(wire) == "0101010101003500040d0a61626364");
  CHECK(every_cut(wire + from_hex("01"), read_trojan_packet) == "1.1.1.1:53: abcd, 15 bytes");
  CHECK(every_cut(from_hex("03 01 61 0035 0000 0d0a"), read_trojan_packet) == "a:53: , 9 bytes");
  CHECK(every_cut(from_hex("04 20010db8000000000000000000000001 0035 0001 0d0a 78"), read_trojan_packet) ==
        "[2001:db8::1]:53: x, 24 bytes");
}

TEST_CASE("trojan: the bounds of a datagram", "[proxy][trojan]") {
  byte_string wire;
  CHECK_FALSE(append_trojan_packet(wire, {"1.1.1.1", 53}, byte_string(max_trojan_packet + 1)));
  CHECK_FALSE(append_trojan_packet(wire, {"a/b", 53}, bytes_of("x")));
  CHECK(wire.empty());
  CHECK(append_trojan_packet(wire, {std::string(255, 'a'), 53}, byte_string(max_trojan_packet)));
  CHECK(read_trojan_packet(wire).payload.size() == max_trojan_packet);
  const byte_string longest =
      from_hex("03ff") + byte_string(255, std::byte{'a'}) + from_hex("0035 ffff 0d0a");
  CHECK(read_trojan_packet(longest + byte_string(65535)).payload.size() == 65535);
}

TEST_CASE("trojan: datagrams that end the stream", "[proxy][trojan]") {
  for (const char* wire :
       {"00", "02", "0300", "0302612f", "0100000000003500010d0d", "010000000000350001000a"})
    CHECK(every_cut(from_hex(wire) + byte_string(40), read_trojan_packet) == "broken");
}

TEST_CASE("trojan: datagrams in sequence, whatever they are", "[proxy][trojan]") {
  std::mt19937 random(1);
  const std::array<host_port, 3> peers{host_port("192.0.2.1", 1), host_port("name.example", 65535),
                                       host_port("2001:db8::1", 0)};
  byte_string wire;
  std::string sent, got;
  for (int i = 0; i < 200; ++i) {
    const host_port& peer = peers[random() % peers.size()];
    const std::string text(random() % 300, static_cast<char>('a' + i % 26));
    CHECK(append_trojan_packet(wire, peer, bytes_of(text)));
    sent += to_string(peer) + text;
  }
  for (const_bytes left = wire; !left.empty();) {
    const framed_datagram d = read_trojan_packet(left);
    REQUIRE(d.what == framed_datagram::status::datagram);
    got += to_string(*d.where) + text_of(d.payload);
    left = left.subspan(d.consumed);
  }
  CHECK(got == sent);
}

}  // namespace
}  // namespace trojan_test
