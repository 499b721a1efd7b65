// Datagrams in VLESS.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/vless/packets.hpp"

namespace vless_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::testing::from_hex;

TEST_CASE("vless: golden datagrams", "[proxy][vless]") {
  byte_string wire;
  CHECK(append_vless_packet(wire, {}, bytes_of("hello")));
  CHECK(hex(wire) == "000568656c6c6f");
  CHECK(append_vless_packet(wire, {}, bytes_of("x")));
  CHECK(every_cut(wire, read_vless_packet) == ": hello, 7 bytes");
  CHECK(describe(read_vless_packet(const_bytes(wire).subspan(7))) == ": x, 3 bytes");
}

TEST_CASE("vless: the bounds of a datagram", "[proxy][vless]") {
  byte_string wire;
  CHECK_FALSE(append_vless_packet(wire, {}, {}));
  CHECK_FALSE(append_vless_packet(wire, {}, byte_string(max_vless_packet + 1)));
  CHECK(wire.empty());
  CHECK(append_vless_packet(wire, {}, byte_string(max_vless_packet)));
  CHECK(read_vless_packet(wire).payload.size() == max_vless_packet);
  const byte_string longest = from_hex("ffff") + byte_string(65535);
  CHECK(read_vless_packet(longest).payload.size() == 65535);
  CHECK(describe(read_vless_packet(const_bytes(longest).first(65536))) == "more");
  CHECK(describe(read_vless_packet(from_hex("0000"))) == ": , 2 bytes");
}

}  // namespace
}  // namespace vless_test
