// The shortest QUIC packets, and packets that only look like the first one's companions.
#include "catch.hpp"

#include "client_hello.hpp"
#include "quic_packet.hpp"

#include "proxy/sniff/quic.hpp"

namespace {

using namespace rules_test;
using muxpro::proxy::sniff_result;
using muxpro::proxy::sniff_status;

sniff_result of_datagrams(const std::vector<byte_string>& all) {
  const std::vector<const_bytes> views(all.begin(), all.end());
  return muxpro::proxy::sniff_quic(views);
}

/// An Initial packet with so many bytes from the packet number to the end of the padding.
initial_packet short_packet(std::size_t number_and_frames) {
  initial_packet p;
  p.number_size = 1;
  p.number = 0;
  p.padded_to = number_and_frames - 1;
  return p;
}

initial_packet whole_hello(std::uint32_t number) {
  initial_packet p;
  p.number = number;
  p.frames = crypto_frame(0, hello::sized(300, false).bytes());
  p.padded_to = 1162;
  return p;
}

}  // namespace

TEST_CASE("quic: the shortest packet that has a sample for header protection is opened", "[proxy][sniff]") {
  CHECK(of_datagrams({short_packet(4).bytes()}).status == sniff_status::need_more);
  CHECK(of_datagrams({short_packet(4).bytes(), whole_hello(1).bytes()}).domain == "www.example.com");
}

TEST_CASE("quic: connection ids have at most 20 bytes", "[proxy][sniff]") {
  for (const bool source : {false, true})
    for (const std::size_t size : {1u, 20u, 21u}) {
      INFO((source ? "source id of " : "destination id of ") << size);
      initial_packet p = whole_hello(0);
      (source ? p.source_id : p.id).assign(size, std::byte{0x5a});
      CHECK((of_datagrams({p.bytes()}).status == sniff_status::found) == (size <= 20));
    }
}

TEST_CASE("quic: a long header without the fixed bit is no QUIC", "[proxy][sniff]") {
  initial_packet p = whole_hello(0);
  REQUIRE(of_datagrams({p.bytes()}).status == sniff_status::found);
  for (const int form : {0x80, 0x40, 0x00}) {
    p.form = static_cast<std::uint8_t>(form);
    CHECK(of_datagrams({p.bytes()}).status == sniff_status::no_clue);
  }
}

TEST_CASE("quic: a packet of another version is passed over, though its keys are the first one's",
          "[proxy][sniff]") {
  quic_flavour other = quic_v1();
  other.version = quic_v2().version;
  other.initial = quic_v2().initial;
  initial_packet liar = whole_hello(1);
  liar.flavour = &other;
  const byte_string first = short_packet(20).bytes();
  CHECK(of_datagrams({first, liar.bytes()}).status == sniff_status::need_more);
  CHECK(of_datagrams({first, whole_hello(1).bytes()}).status == sniff_status::found);
}

TEST_CASE("quic: a packet of another connection is passed over", "[proxy][sniff]") {
  initial_packet other = whole_hello(1);
  other.id.back() ^= std::byte{1};
  const byte_string first = short_packet(20).bytes();
  CHECK(of_datagrams({first, other.bytes()}).status == sniff_status::need_more);
  other.id = whole_hello(1).id;
  other.id.push_back(std::byte{0});
  CHECK(of_datagrams({first, other.bytes()}).status == sniff_status::need_more);
}
