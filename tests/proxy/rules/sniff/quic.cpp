// The server name in a client's Initial packets.
#include "catch.hpp"

#include "captures.hpp"
#include "client_hello.hpp"
#include "prefixes.hpp"
#include "quic_packet.hpp"

#include "proxy/sniff/quic.hpp"

#include <muxpro/testing/hex.hpp>

#include <algorithm>
#include <random>

namespace {

using namespace rules_test;
using muxpro::testing::from_hex;
using datagrams = std::vector<byte_string>;

constexpr auto udp_whole = [](auto d) { return muxpro::proxy::sniff_datagrams(d); };

sniff_result quic(const datagrams& all) {
  const std::vector<const_bytes> views(all.begin(), all.end());
  return muxpro::proxy::sniff_quic(views);
}

void check_quic(const datagrams& all, const std::string& name) {
  const sniff_result r = quic(all);
  CHECK(r.status == sniff_status::found);
  CHECK(r.protocol == "quic");
  CHECK(r.domain == name);
  CHECK(judge_datagrams(all, udp_whole) == "");
}

byte_string initial(const byte_string& frames, std::uint32_t number = 0, std::size_t padded_to = 1162) {
  initial_packet p;
  p.frames = frames;
  p.number = number;
  p.padded_to = padded_to;
  return p.bytes();
}

byte_string joined(const datagrams& parts) {
  byte_string all;
  for (const byte_string& p : parts) all.insert(all.end(), p.begin(), p.end());
  return all;
}

/// A hello in CRYPTO frames of about `size` bytes, in order.
datagrams crypto_frames(const byte_string& hello, std::size_t size) {
  datagrams all;
  for (std::size_t at = 0; at < hello.size(); at += size)
    all.push_back(crypto_frame(at, const_bytes(hello).subspan(at, std::min(size, hello.size() - at))));
  return all;
}

// RFC 9001 appendix A.2.
const char* const sample_frame =
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000"
    "c0"
    "00000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e00050005"
    "01"
    "00000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b00030203"
    "04"
    "000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff"
    "07"
    "048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff";

}  // namespace

TEST_CASE("quic: the samples of RFC 9001 and RFC 9369", "[proxy][sniff]") {
  const struct {
    const quic_flavour* flavour;
    const char *begin, *end;
  } samples[] = {
      {&quic_v1(),
       "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c",
       "e221af44860018ab0856972e194cd934"},
      {&quic_v2(), "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03",
       "a18b2faa745b6fe189cf772a9f84cbfc"},
  };
  for (const auto& s : samples) {
    initial_packet p;
    p.flavour = s.flavour;
    p.frames = from_hex(sample_frame);
    p.padded_to = 1162;
    const byte_string bytes = p.bytes(), begin = from_hex(s.begin), end = from_hex(s.end);
    REQUIRE(bytes.size() == 1200);
    CHECK(std::equal(begin.begin(), begin.end(), bytes.begin()));
    CHECK(std::equal(end.rbegin(), end.rend(), bytes.rbegin()));
    check_quic({bytes}, "example.com");
  }
}

TEST_CASE("quic: the flight of a browser, and what repeats it, in any order", "[proxy][sniff]") {
  const datagrams& all = captured_datagrams();
  CHECK(quic({all[0]}).status == sniff_status::need_more);
  check_quic({all[0], all[1]}, "example.test");
  check_quic({all[1], all[0]}, "example.test");
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  REQUIRE(all.size() == order.size());
  do {
    datagrams shuffled;
    for (const std::size_t i : order) shuffled.push_back(all[i]);
    check_quic(shuffled, "example.test");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("quic: a browser's datagram cut at every byte is as good as lost", "[proxy][sniff]") {
  const datagrams& all = captured_datagrams();
  for (std::size_t n = 0; n < all[0].size(); ++n) {
    const byte_string cut(all[0].begin(), all[0].begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(quic({cut}).status == sniff_status::no_clue);
    CHECK(quic({all[1], cut}).status == sniff_status::need_more);
    CHECK(quic({all[1], cut, all[0]}).domain == "example.test");
  }
}

TEST_CASE("quic: a large hello over datagrams, in any order", "[proxy][sniff]") {
  std::mt19937 random(4);
  for (const std::size_t size : {300U, 1800U, 5000U, 16000U})
    for (const bool name_last : {false, true}) {
      datagrams all;
      std::uint32_t number = 0;
      for (const byte_string& frame : crypto_frames(hello::sized(size, name_last).bytes(), 1100))
        all.push_back(initial(frame, number++));
      for (int i = 0; i < 5; ++i) {
        INFO(size << ", round " << i);
        check_quic(all, "www.example.com");
        std::shuffle(all.begin(), all.end(), random);
      }
    }
}

TEST_CASE("quic: CRYPTO frames in pieces, disorder and overlap", "[proxy][sniff]") {
  std::mt19937 random(5);
  const byte_string hello = hello::sized(900, true).bytes();
  for (int i = 0; i < 50; ++i) {
    datagrams frames = crypto_frames(hello, 1 + random() % 60);
    for (const byte_string& more : crypto_frames(hello, 1 + random() % 60)) frames.push_back(more);
    std::shuffle(frames.begin(), frames.end(), random);
    for (std::size_t n = random() % 20; n > 0; --n)
      frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(random() % frames.size()),
                    byte_string(1 + random() % 3, std::byte{static_cast<std::uint8_t>(random() % 2)}));
    const auto middle = frames.begin() + static_cast<std::ptrdiff_t>(random() % frames.size());
    const byte_string first = joined({frames.begin(), middle}), second = joined({middle, frames.end()});
    check_quic({initial(first, 0), initial(second, 1)}, "www.example.com");
    // Both in one datagram, with packets of other types around them.
    check_quic({joined({opaque_packet(quic_v1(), quic_v1().zero_rtt, 50), initial(first, 0),
                        opaque_packet(quic_v1(), quic_v1().handshake, 30), initial(second, 1)})},
               "www.example.com");
  }
}

TEST_CASE("quic: where CRYPTO frames differ, what came first counts", "[proxy][sniff]") {
  hello other;
  other.name = "abc.example.com";
  const byte_string first = hello().bytes(), second = other.bytes();
  REQUIRE(first.size() == second.size());
  check_quic({initial(joined({crypto_frame(0, const_bytes(first).subspan(0)), crypto_frame(0, second)}))},
             "www.example.com");
  check_quic({initial(crypto_frame(50, const_bytes(first).subspan(50))), initial(crypto_frame(0, second), 1)},
             "www.example.com");
}

TEST_CASE("quic: all frames that an Initial packet may hold", "[proxy][sniff]") {
  message frames;
  frames.fill(3).number(1, 1);  // PADDING, PING
  frames.number(2, 1)
      .raw(varint(9).bytes())
      .raw(varint(100).bytes())
      .raw(varint(2).bytes())
      .raw(varint(1).bytes());
  for (int i = 0; i < 4; ++i) frames.raw(varint(1).bytes());  // two more ranges
  frames.number(3, 1);                                        // ACK with ECN
  for (int i = 0; i < 7; ++i) frames.raw(varint(i == 2 ? 0u : 20000u).bytes());
  frames.number(0x1c, 1)
      .raw(varint(0x128).bytes())
      .raw(varint(6).bytes())
      .raw(varint(4).bytes())
      .text("why?");
  byte_string with_hello = frames;
  const byte_string crypto = crypto_frame(0, hello().bytes());
  with_hello.insert(with_hello.end(), crypto.begin(), crypto.end());
  check_quic({initial(with_hello)}, "www.example.com");
}

TEST_CASE("quic: other frames leave QUIC without a name", "[proxy][sniff]") {
  for (const unsigned type : {0x04u, 0x05u, 0x07u, 0x08u, 0x0fu, 0x18u, 0x1du, 0x1eu, 0x30u, 0xffu}) {
    INFO(type);
    check_quic({initial(joined({message().number(type, 1).bytes(), crypto_frame(0, hello().bytes())}))}, "");
  }
  // An ACK that claims more ranges than there can be, lengths beyond the packet.
  check_quic({initial(message().number(2, 1).fill(2, 0).raw(varint(std::uint64_t{1} << 61).bytes()))}, "");
  check_quic({initial(message().number(6, 1).raw(varint(0).bytes()).raw(varint(5000).bytes()))}, "");
  check_quic({initial(message().number(0x1c, 1).fill(2, 1).raw(varint(std::uint64_t{1} << 61).bytes()))}, "");
}

TEST_CASE("quic: packet numbers, tokens and connection ids of all sizes", "[proxy][sniff]") {
  for (std::size_t id = 4; id <= 20; id += 4)
    for (std::size_t number_size = 1; number_size <= 4; ++number_size) {
      initial_packet p;
      p.id = message().fill(id, 0x42);
      p.source_id = message().fill(20 - id, 0x24);
      p.token = message().fill(id * 10, 0x55);
      p.number_size = number_size;
      p.number = 0xf7;
      p.frames = crypto_frame(0, hello().bytes());
      check_quic({p.bytes()}, "www.example.com");
    }
  initial_packet too_long;
  too_long.id = message().fill(21);
  too_long.frames = crypto_frame(0, hello().bytes());
  CHECK(quic({too_long.bytes()}).status == sniff_status::no_clue);
}

TEST_CASE("quic: a packet that is not authentic", "[proxy][sniff]") {
  const byte_string good = initial(crypto_frame(0, hello().bytes()));
  for (std::size_t at = 0; at < good.size(); at += at < 60 ? 1 : 37) {
    byte_string bad = good;
    bad[at] ^= std::byte{0x01};
    INFO(at);
    CHECK(quic({bad}).status == sniff_status::no_clue);
    // Behind a good one it is passed over.
    const byte_string half = crypto_frame(0, const_bytes(hello().bytes()).first(50));
    CHECK(quic({initial(half, 7), bad}).status == sniff_status::need_more);
    check_quic({initial(half, 7), bad, good}, "www.example.com");
  }
}

TEST_CASE("quic: datagrams cut short", "[proxy][sniff]") {
  const byte_string good = initial(crypto_frame(0, hello().bytes()), 0, 0);
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK(quic({byte_string(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n))}).status ==
          sniff_status::no_clue);
  CHECK(quic({}).status == sniff_status::need_more);
}

TEST_CASE("quic: packets of others", "[proxy][sniff]") {
  const byte_string hello_bytes = hello().bytes();
  const byte_string half = initial(crypto_frame(0, const_bytes(hello_bytes).first(60)));
  initial_packet stranger;
  stranger.id = message().fill(8, 9);
  stranger.frames = crypto_frame(60, const_bytes(hello_bytes).subspan(60));
  CHECK(quic({half, stranger.bytes()}).status == sniff_status::need_more);
  initial_packet second = stranger;
  second.id = initial_packet().id;
  check_quic({half, stranger.bytes(), bytes_of("noise"), second.bytes()}, "www.example.com");
  second.flavour = &quic_v2();
  CHECK(quic({half, second.bytes()}).status == sniff_status::need_more);
}

TEST_CASE("quic: 0-RTT may come first, what is no QUIC may not", "[proxy][sniff]") {
  const byte_string good = initial(crypto_frame(0, hello().bytes()));
  check_quic({opaque_packet(quic_v1(), quic_v1().zero_rtt, 1000), good}, "www.example.com");
  CHECK(quic({bytes_of("noise"), good}).status == sniff_status::no_clue);
  byte_string unknown = good;
  unknown[4] = std::byte{9};
  CHECK(quic({unknown}).status == sniff_status::no_clue);
  CHECK(quic({opaque_packet(quic_v1(), quic_v1().retry, 100)}).status == sniff_status::no_clue);
  CHECK(quic({message().number(0x40, 1).fill(60)}).status == sniff_status::no_clue);  // a short header
  CHECK(quic({message().number(0x80, 1).fill(60)}).status == sniff_status::no_clue);  // version negotiation
}

TEST_CASE("quic: hellos without a name, and no hellos", "[proxy][sniff]") {
  hello none;
  none.name.reset();
  check_quic({initial(crypto_frame(0, none.bytes()))}, "");
  check_quic({initial(crypto_frame(0, bytes_of("\x02\x01\x01\x01 no ClientHello")))}, "");
}

TEST_CASE("quic: work and memory are bounded", "[proxy][sniff]") {
  using namespace muxpro::proxy;
  // A gap that is never filled, at offsets that are too far to allocate.
  datagrams gaps;
  for (std::uint32_t i = 0; i < max_sniffed_datagrams; ++i)
    gaps.push_back(initial(joined({crypto_frame(sniff_limit - 1, bytes_of("x")),
                                   crypto_frame((std::uint64_t{1} << 62) - 1, bytes_of("x"))}),
                           i, 500));
  const std::vector<const_bytes> views(gaps.begin(), gaps.end());
  CHECK(sniff_datagrams(std::span(views).first(max_sniffed_datagrams - 1)).status == sniff_status::need_more);
  CHECK(sniff_datagrams(views).status == sniff_status::no_clue);
  // More packets in a datagram than any client sends.
  datagrams many;
  for (std::uint32_t i = 0; i <= max_quic_packets; ++i) many.push_back(initial({}, i, 30));
  CHECK(quic({joined({many.begin(), many.end() - 1})}).status == sniff_status::need_more);
  check_quic({joined(many)}, "");
  // A hello that is longer than the limit.
  hello late;
  late.before.assign(3, 12000);
  datagrams long_hello;
  for (const byte_string& f : crypto_frames(late.bytes(), 10000)) long_hello.push_back(initial(f, 1, 0));
  CHECK(quic(long_hello).domain == "");
  CHECK(quic(long_hello).status == sniff_status::found);
}

TEST_CASE("quic: random bytes behind a plausible header", "[proxy][sniff][property]") {
  std::mt19937 random(6);
  for (int i = 0; i < 3000; ++i) {
    message m;
    m.number(0xc0 | random() % 64, 1).number(random() % 2 ? 1 : 0x6b3343cf, 4);
    for (std::size_t n = random() % 100; n > 0; --n)
      m.number(random() % 4 ? random() % 256 : random() % 21, 1);
    const sniff_result r = quic({m.bytes(), m.bytes()});
    REQUIRE(r.status != sniff_status::found);
  }
}

TEST_CASE("sniffers read at any address (K5)", "[proxy][sniff]") {
  const byte_string datagram = initial(crypto_frame(0, hello().bytes())),
                    records_of_hello = records(hello().bytes());
  for (std::size_t offset = 0; offset < 8; ++offset) {
    byte_string shifted(offset), other(offset);
    shifted.insert(shifted.end(), datagram.begin(), datagram.end());
    other.insert(other.end(), records_of_hello.begin(), records_of_hello.end());
    const const_bytes views[] = {const_bytes(shifted).subspan(offset)};
    CHECK(muxpro::proxy::sniff_datagrams(views).domain == "www.example.com");
    CHECK(muxpro::proxy::sniff_stream(const_bytes(other).subspan(offset)).domain == "www.example.com");
  }
}
