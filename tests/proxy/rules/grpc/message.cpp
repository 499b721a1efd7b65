// gRPC's messages: golden bytes, any cut, and what is no message.
#include "catch.hpp"

#include "proxy/grpc/message.hpp"

#include <muxpro/testing/hex.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace grpc_test {
namespace {

using namespace muxpro::proxy;
using muxpro::const_bytes;
using muxpro::testing::from_hex;

using byte_string = std::vector<std::byte>;

std::string text_of(const_bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

byte_string operator+(byte_string a, const byte_string& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

byte_string message_of(std::string_view payload) {
  std::array<std::byte, most_grpc_head> head{};
  const std::size_t n = write_grpc_head(head, payload.size());
  byte_string out(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(n));
  const auto bytes = std::as_bytes(std::span(payload));
  out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

/// The payload, and how it goes on: "" between messages, "..." inside of one, "!" broken.
std::string read(grpc_reader& reader, const_bytes in) {
  std::string out;
  while (!in.empty() && !reader.broken()) out += text_of(reader.next(in));
  if (reader.broken()) return out + "!";
  return out + (reader.between_messages() ? "" : "...");
}

/// The same whatever the pieces.
std::string every_cut(const byte_string& wire) {
  grpc_reader whole;
  const std::string expected = read(whole, wire);
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    grpc_reader r;
    const const_bytes all(wire);
    std::string got = read(r, all.first(cut));
    while (!got.empty() && (got.back() == '.')) got.pop_back();
    if (!r.broken()) got += read(r, all.subspan(cut));
    CHECK(got == expected);
  }
  grpc_reader slow;
  std::string bytewise;
  for (const std::byte b : wire) {
    while (!bytewise.empty() && bytewise.back() == '.') bytewise.pop_back();
    bytewise += read(slow, const_bytes(&b, 1));
    if (slow.broken()) break;
  }
  CHECK(bytewise == expected);
  return expected;
}

TEST_CASE("grpc: golden messages", "[proxy][grpc]") {
  CHECK(message_of("hello") == from_hex("00 00000007 0a05 68656c6c6f"));
  CHECK(message_of("") == from_hex("00 00000002 0a00"));
  CHECK(message_of(std::string(127, 'x')) == from_hex("00 00000081 0a7f") + byte_string(127, std::byte{'x'}));
  CHECK(message_of(std::string(128, 'x')) ==
        from_hex("00 00000083 0a8001") + byte_string(128, std::byte{'x'}));
  CHECK(message_of(std::string(16384, 'x')) ==
        from_hex("00 00004004 0a808001") + byte_string(16384, std::byte{'x'}));
}

TEST_CASE("grpc: messages of any form", "[proxy][grpc]") {
  CHECK(every_cut(from_hex("00 00000007 0a05 68656c6c6f")) == "hello");
  CHECK(every_cut(from_hex("00 00000000 00 00000002 0a00")) == "");
  CHECK(every_cut(from_hex("00 0000000b 0a02 6162 0a00 0a03 636465")) == "abcde");
  CHECK(every_cut(from_hex("00 0000000e 0a05 68656c6c6f 0a05 776f726c64")) == "helloworld");
  // Other fields: a number, 8 bytes, bytes, 4 bytes.
  CHECK(every_cut(from_hex("00 00000006 10 ffff03 0a00")) == "");
  CHECK(every_cut(from_hex("00 0000000c 19 0102030405060708 0a01 61")) == "a");
  CHECK(every_cut(from_hex("00 00000008 0a01 61 1203 787878")) == "a");
  CHECK(every_cut(from_hex("00 00000008 25 01020304 0a01 61")) == "a");
  // A length that is longer than it must be.
  CHECK(every_cut(from_hex("00 00000005 0a8180 00 61")) == "a");
  // Not the whole of it.
  CHECK(every_cut(from_hex("00 00000007 0a05 68656c")) == "hel...");
}

TEST_CASE("grpc: what is no message", "[proxy][grpc]") {
  for (const char* wire : {
           "01 00000007 0a05 68656c6c6f",               // compressed
           "00 00400001",                               // 4 MiB and one byte
           "00 00000006 0a05 68656c6c6f",               // the field is longer than the message
           "00 00000001 0a",                            // it has no length
           "00 00000002 0a80",                          // half of one
           "00 00000001 80",                            // half a key
           "00 00000003 0b0a00",                        // a group
           "00 00000002 0800",                          // field 1 is a number
           "00 00000002 0200",                          // field 0
           "00 0000000c 10 ffffffffffffffffff02 0a00",  // 65 bits
           "00 0000000d 10 8080808080808080808000 0a",
           "00 00000004 19 010203",
       }) {
    INFO(wire);
    CHECK(every_cut(from_hex(wire)) == "!");
  }
}

TEST_CASE("grpc: what was written reads the same, in any pieces", "[proxy][grpc]") {
  std::mt19937 random(1);
  byte_string wire;
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    const std::string text(random() % (i % 20 == 0 ? 40'000 : 300), static_cast<char>('a' + i % 26));
    const byte_string m = message_of(text);
    wire.insert(wire.end(), m.begin(), m.end());
    sent += text;
  }
  grpc_reader r;
  std::string got;
  for (const_bytes left = wire; !left.empty();) {
    const_bytes piece = left.first(std::min<std::size_t>(left.size(), 1 + random() % 5000));
    left = left.subspan(piece.size());
    while (!piece.empty()) got += text_of(r.next(piece));
  }
  CHECK(got == sent);
  CHECK(r.between_messages());
}

TEST_CASE("grpc: bytes of any kind are read without harm", "[proxy][grpc]") {
  std::mt19937 random(2);
  for (int i = 0; i < 20'000; ++i) {
    byte_string wire = from_hex("00 0000");
    for (std::size_t n = random() % 40; n > 0; --n) wire.push_back(static_cast<std::byte>(random() % 32));
    grpc_reader r;
    CHECK(read(r, wire).size() <= wire.size() + 3);
  }
}

}  // namespace
}  // namespace grpc_test
