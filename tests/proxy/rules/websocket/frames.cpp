// Frames of WebSocket: golden bytes, every cut, what is refused, masks.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/websocket/reader.hpp"

#include <algorithm>
#include <random>

namespace websocket_frames_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::testing::from_hex;

const websocket_mask mask{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};

std::string frame(const optional_mask& m, const byte_string& data) {
  const websocket_header head(websocket_opcode::binary, data.size(), m);
  byte_string out(head.data().begin(), head.data().end());
  out.insert(out.end(), data.begin(), data.end());
  if (m) apply_mask(out.data() + head.size, const_bytes(out).subspan(head.size), *m, 0);
  return hex(out);
}
std::string header(std::uint64_t length) {
  return hex(websocket_header(websocket_opcode::binary, length, {}).data());
}

/// What a reader makes of bytes in two pieces: data, and what else has happened.
std::string read_pieces(bool masked, const byte_string& whole, std::size_t cut) {
  websocket_reader r(masked);
  std::string data, pings;
  for (const auto& [from, size] : {std::pair(std::size_t{0}, cut), std::pair(cut, whole.size() - cut)}) {
    byte_string piece(whole.begin() + static_cast<std::ptrdiff_t>(from),
                      whole.begin() + static_cast<std::ptrdiff_t>(from + size));
    piece.resize(r.next(piece));
    data += text_of(piece);
    if (const auto ping = r.take_ping()) pings += " ping " + text_of(*ping);
  }
  return data + pings + (r.closed() ? " closed" : r.ended() ? " ended" : "") + (r.failure() ? " failed" : "");
}
std::string read(bool masked, std::string_view text) {
  const byte_string whole = from_hex(text);
  const std::string all = read_pieces(masked, whole, whole.size());
  for (std::size_t cut = 0; cut <= whole.size(); ++cut)
    if (const std::string r = read_pieces(masked, whole, cut); r != all)
      return fmt::format("{} BUT CUT AT {}: {}", all, cut, r);
  return all;
}

TEST_CASE("websocket: golden frames", "[proxy][websocket]") {
  CHECK(frame({}, rules_test::bytes_of("hello")) == "820568656c6c6f");
  CHECK(frame(mask, rules_test::bytes_of("hello")) == "82850102030469676f686e");
  CHECK(header(125) == "827d");
  CHECK(header(126) == "827e007e");
  CHECK(header(65535) == "827effff");
  CHECK(header(65536) == "827f0000000000010000");
  CHECK(hex(websocket_control(websocket_opcode::pong, rules_test::bytes_of("are you here?"), {})) ==
        "8a0d61726520796f7520686572653f");
  CHECK(hex(websocket_close(websocket_normal, {})) == "880203e8");
  CHECK(hex(websocket_close(websocket_normal, mask)) == "88820102030402ea");
}

TEST_CASE("websocket: frames are read however they are cut", "[proxy][websocket]") {
  CHECK(read(false, "820568656c6c6f") == "hello");
  CHECK(read(true, "82850102030469676f686e") == "hello");
  CHECK(read(false, "8200 8203616263 8100 810164") == "abcd");
  CHECK(
      read(true,
           "01870102030449676f686e2e23898d0102030460706624786d7624756a667664008001020304808501020304766d7165"
           "6588820102030402ea")
          .ends_with(" closed"));
  CHECK(read(false, "8900 8203616263") == "abc ping ");
  CHECK(read(false, "0203616263 8903646566 0001 67 8000 8201 68") == "abcgh ping def");
  CHECK(read(false, "827e007e" + hex(byte_string(126, std::byte{'x'}))) == std::string(126, 'x'));
  CHECK(read(false, "827f0000000000010000" + hex(byte_string(65536, std::byte{'x'}))).size() == 65536);
}

TEST_CASE("websocket: a Close ends, and so does the mark of an end", "[proxy][websocket]") {
  CHECK(read(false, "820161 8800 820162") == "a closed");
  CHECK(read(false, "820161 880203e8") == "a closed");
  CHECK(read(false, "820161 8a03656f66") == "a ended");
  CHECK(read(false, "820161 8a03656f66 8900") == "a ping  ended");
  CHECK(read(false, "820161 8a03656f66 880203e8") == "a closed");
  CHECK(read(false, "820161 8a03656f66 820161") == "a ended failed");
  CHECK(read(false, "820161 8a00 8a03656f67 820162") == "ab");
}

TEST_CASE("websocket: what is against the protocol", "[proxy][websocket]") {
  for (const char* const bad : {"c28000000000", "838000000000", "820107", "098000000000", "89fe007e00000000",
                                "82fe000500000000", "82ff800000000000000000000000", "808000000000",
                                "028000000000828000000000", "82ff000000000000ffff00000000", "888100000000aa"})
    CHECK(read(true, bad) == " failed");
  CHECK(read(false, "8285010203046968") == " failed");
  CHECK(read(false, "820161 830161") == "a failed");
}

TEST_CASE("websocket: masks of any length and offset, in place and before it", "[proxy][websocket]") {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t offset = 0; offset < 9; ++offset) {
      byte_string data(size);
      for (std::byte& b : data) b = static_cast<std::byte>(random());
      byte_string wanted(size);
      for (std::size_t i = 0; i < size; ++i) wanted[i] = data[i] ^ mask[(offset + i) % 4];
      for (const std::size_t gap : {0U, 1U, 4U, 7U, 8U, 14U}) {
        byte_string room(gap);
        room.insert(room.end(), data.begin(), data.end());
        apply_mask(room.data(), const_bytes(room).subspan(gap), mask, offset);
        room.resize(size);
        if (room != wanted) FAIL(size << " bytes from " << offset << " moved by " << gap);
      }
    }
  }
}

// What a writer has framed, in messages of any size between control frames, reads the same in any pieces.
TEST_CASE("websocket: a random exchange", "[proxy][websocket]") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const optional_mask m = round % 2 == 0 ? optional_mask(mask) : std::nullopt;
    byte_string wire, data;
    for (int i = 0; i < 8; ++i) {
      byte_string message(random() % (i == 0 ? 70'000 : 300));
      for (std::byte& b : message) b = static_cast<std::byte>(random());
      data = data + message;
      wire = wire + from_hex(frame(m, message)) +
             websocket_control(websocket_opcode::ping, rules_test::bytes_of("x"), m);
    }
    websocket_reader r(m.has_value());
    byte_string got;
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t n = std::min<std::size_t>(1 + random() % 5000, wire.size() - at);
      byte_string piece(wire.begin() + static_cast<std::ptrdiff_t>(at),
                        wire.begin() + static_cast<std::ptrdiff_t>(at + n));
      piece.resize(r.next(piece));
      got = got + piece;
      at += n;
    }
    if (got != data || r.failure() || !r.has_ping()) FAIL("round " << round);
  }
}

}  // namespace
}  // namespace websocket_frames_test
