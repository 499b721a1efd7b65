// The flow xtls-rprx-vision: golden blocks, every cut, every wrong byte, and what the filter sees.
#include "catch.hpp"
#include "head_transcript.hpp"

#include "proxy/vless/vision_padding.hpp"

namespace vless_test {
namespace {

using namespace head_test;
using namespace muxpro::proxy;
using muxpro::testing::from_hex;

const uuid vision_id = parse_uuid("5783a3e7-e373-51cd-8642-c83782b807c5").value();
constexpr const char* id_hex = "5783a3e7e37351cd8642c83782b807c5";

std::uint32_t drawn = 0;
std::uint32_t draw() { return drawn; }

const byte_string client_hello = from_hex("1603010005 0100000100");

byte_string server_hello(std::string_view suite, bool tls13) {
  rules_test::message body;
  body.number(0x0303, 2).fill(32, 7).counted(1, rules_test::message().fill(32, 9));
  body.raw(from_hex(suite)).number(0, 1);
  if (tls13) body.raw(from_hex("0006 002b 0002 0304"));
  const auto inner = rules_test::message().number(2, 1).counted(3, body);
  return rules_test::message().number(0x160303, 3).counted(2, inner);
}
byte_string data_record(std::size_t size) {
  return rules_test::message().number(0x170303, 3).counted(2, rules_test::message().fill(size, 5));
}

struct unpadded {
  byte_string content;
  vision_phase phase{};
  bool good = true, whole = true;
  friend bool operator==(const unpadded&, const unpadded&) = default;
};
/// In two pieces.
unpadded unpad(const byte_string& in, std::size_t cut) {
  vision_unpadder u(vision_id);
  unpadded out;
  const const_bytes all(in);
  out.good = u.take(all.first(cut), out.content) && u.take(all.subspan(cut), out.content);
  out.phase = u.phase();
  out.whole = u.end(out.content);
  return out;
}
unpadded unpad_every_cut(const byte_string& in) {
  const unpadded whole = unpad(in, in.size());
  for (std::size_t n = 0; n < in.size(); ++n) CHECK(unpad(in, n) == whole);
  vision_unpadder by_byte(vision_id);
  unpadded out;
  for (const std::byte b : in) out.good = by_byte.take({&b, 1}, out.content);
  out.phase = by_byte.phase();
  out.whole = by_byte.end(out.content);
  CHECK(out == whole);
  return whole;
}

}  // namespace

TEST_CASE("vision: golden blocks", "[proxy][vless]") {
  vision_padder p(vision_id, draw);
  vision_filter f;
  byte_string wire;
  drawn = 0;
  CHECK(p.pad({}, f, wire) == 0);
  CHECK(hex(wire).substr(0, 42) == std::string(id_hex) + "0000000384");  // 900 bytes of padding
  CHECK(wire.size() == 16 + 5 + 900);
  wire.clear();
  drawn = 2;
  CHECK(p.pad(bytes_of("hello"), f, wire) == 5);
  CHECK(hex(wire) == "000005000268656c6c6f0000");
  CHECK(p.phase() == vision_phase::blocks);
}

TEST_CASE("vision: blocks are read, cut anywhere", "[proxy][vless]") {
  const std::string empty = std::string(id_hex) + "00 0000 0004 00000000";
  unpadded got = unpad_every_cut(from_hex(empty + "01 0005 0002 68656c6c6f 0000" + "776f726c64"));
  CHECK(text_of(got.content) == "helloworld");
  CHECK(got.phase == vision_phase::text);
  got = unpad_every_cut(from_hex(empty + "00 0002 0000 6869" + "02 0001 0001 21 00" + "170303"));
  CHECK(hex(got.content) == "686921170303");
  CHECK(got.phase == vision_phase::raw);
  got = unpad_every_cut(from_hex(std::string(id_hex) + "02 0000 0000"));
  CHECK(got.phase == vision_phase::raw);
  got = unpad_every_cut(from_hex(empty + "00 0005 0002 6865"));
  CHECK_FALSE(got.whole);
  got = unpad_every_cut(from_hex(empty + "03 0005 0002 6865"));
  CHECK_FALSE(got.good);
  got = unpad_every_cut(bytes_of("GET / HTTP/1.1\r\n\r\n"));
  CHECK(text_of(got.content) == "GET / HTTP/1.1\r\n\r\n");
  CHECK(got.phase == vision_phase::text);
  got = unpad_every_cut(from_hex("5783a3e7e37351cd8642c83782b807ff 01"));
  CHECK(hex(got.content) == "5783a3e7e37351cd8642c83782b807ff01");
  got = unpad_every_cut(from_hex("5783a3"));
  CHECK(hex(got.content) == "5783a3");
}

TEST_CASE("vision: the lengths of padding", "[proxy][vless]") {
  for (const std::uint32_t n : {0U, 1U, 255U, 499U, 500U, 4'000'000'000U})
    for (std::size_t content = 0; content <= max_vision_content + 10; ++content) {
      const std::size_t hidden = vision_padding(content, true, n), plain = vision_padding(content, false, n);
      if (content <= max_vision_content) CHECK(content + std::max(hidden, plain) <= max_vision_content);
      if (content < 900) CHECK((content + hidden >= 900 && content + hidden < 1400));
      if (plain > 255) FAIL(plain);
    }
}

TEST_CASE("vision: a switch with the first records of TLS 1.3 inside", "[proxy][vless]") {
  vision_padder up(vision_id, draw), down(vision_id, draw);
  vision_filter f;
  byte_string wire;
  drawn = 1;
  CHECK(up.pad(client_hello, f, wire) == client_hello.size());
  CHECK(f.is_tls());
  const byte_string hello = server_hello("1301", true) + data_record(700);
  CHECK(down.pad(hello, f, wire) == hello.size());
  CHECK(f.may_go_raw());
  // A record that is not whole stays in a block.
  wire.clear();
  const byte_string part = data_record(500);
  CHECK(up.pad(const_bytes(part).first(300), f, wire) == 300);
  CHECK(up.phase() == vision_phase::blocks);
  wire.clear();
  const byte_string two = data_record(9000) + data_record(10);
  CHECK(up.pad(two + byte_string(3), f, wire) == two.size());
  CHECK(up.phase() == vision_phase::raw);
  CHECK(down.phase() == vision_phase::blocks);
  // Two blocks, of which the last one has the command.
  CHECK(hex(const_bytes(wire).first(3)) == "001feb");
  CHECK(hex(const_bytes(wire).subspan(vision_head + max_vision_content, 1)) == "02");
}

TEST_CASE("vision: what does not go raw", "[proxy][vless]") {
  for (const char* suite : {"1301", "1302", "1303", "1304", "1305", "c02f"})
    for (const bool tls13 : {true, false}) {
      vision_filter f;
      f.see(client_hello);
      f.see(server_hello(suite, tls13));
      CHECK(f.has_server_hello());
      CHECK(f.may_go_raw() == (tls13 && std::string_view(suite).substr(0, 3) == "130" && suite[3] != '5'));
      CHECK(f.pieces_left() == 0);
      vision_padder p(vision_id, draw);
      byte_string wire;
      const byte_string record = data_record(10);
      CHECK(p.pad(record, f, wire) == record.size());
      CHECK(p.phase() == (f.may_go_raw() ? vision_phase::raw : vision_phase::text));
    }
}

TEST_CASE("vision: a ServerHello in two pieces", "[proxy][vless]") {
  const byte_string hello = server_hello("1302", true);
  vision_filter f;
  f.see(const_bytes(hello).first(80));
  CHECK(f.pieces_left() == 7);
  f.see(const_bytes(hello).subspan(80));
  CHECK(f.may_go_raw());
  for (std::size_t n = 0; n < hello.size(); ++n) {
    vision_filter cut;
    cut.see(const_bytes(byte_string(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(n))));
  }
}

TEST_CASE("vision: data that are no TLS lose their padding", "[proxy][vless]") {
  vision_padder p(vision_id, draw);
  vision_filter f;
  vision_unpadder u(vision_id);
  byte_string wire, heard;
  int blocks = 0;
  for (; p.phase() == vision_phase::blocks; ++blocks) CHECK(p.pad(bytes_of("SSH-2.0-x\r\n"), f, wire) == 11);
  CHECK(blocks == 7);
  CHECK(p.phase() == vision_phase::text);
  CHECK(u.take(wire, heard));
  CHECK(heard.size() == 77);
  CHECK(u.phase() == vision_phase::text);
}

TEST_CASE("vision: whole records", "[proxy][vless]") {
  CHECK(whole_records({}) == 0);
  CHECK(whole_records(data_record(10)) == 15);
  CHECK(whole_records(data_record(10) + data_record(0)) == 20);
  CHECK(whole_records(data_record(10) + client_hello) == 15);
  CHECK(whole_records(client_hello + data_record(10)) == 0);
  const byte_string record = data_record(10);
  CHECK(whole_records(const_bytes(record).first(14)) == 0);
}

}  // namespace vless_test
