// REALITY without I/O: handshakes with Xray, every cut, every wrong byte, and which clients are refused.
#include "catch.hpp"
#include "client_hello.hpp"
#include "head_transcript.hpp"
#include "reality_captures.hpp"

#include "proxy/reality/certificate.hpp"
#include "proxy/reality/client_verification.hpp"
#include "proxy/reality/target_flight.hpp"

#include <algorithm>

namespace reality_test {
namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using head_test::hex;
using head_test::operator+;
using muxpro::testing::from_hex;
using rules_test::byte_string;

key_bytes key_of(std::string_view text) {
  key_bytes out{};
  const auto all = from_hex(text);
  std::copy_n(all.begin(), out.size(), out.begin());
  return out;
}

reality_rules rules() {
  reality_rules r;
  r.names = {"example.test", "example.com"};
  r.names.insert("www.example.com");
  r.private_key = x25519_key(key_of(server_private));
  r.short_ids = {*parse_short_id("0123456789abcdef"), *parse_short_id("0a1b")};
  return r;
}
received_hello received(byte_string message) {
  received_hello h;
  h.what = received_hello::status::whole;
  h.message = std::move(message);
  return h;
}
std::string verdict(const byte_string& message, const reality_rules& r, duration now = 0s) {
  const reality_verdict v = judge(received(message), r, now);
  return v.refused ? to_text(*v.refused) : "own";
}
reality_rules of_xray() {
  reality_rules r = rules();
  r.names.insert(parse_reality_hello(from_hex(by_xray::hello))->server_name.value());
  return r;
}

}  // namespace

TEST_CASE("reality: keys and ids as text", "[proxy][reality]") {
  const key_bytes key = key_of(server_private);
  CHECK(parse_key(to_text(key)) == key);
  CHECK(to_text(key) == "4FdL92jqJ1dAqcp6ibln7RL5DCVYqXWkSUNii9LC9ns");
  CHECK(hex(x25519_key(key).public_key()) == server_public);
  CHECK(parse_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").value()[31] == std::byte{31});
  for (const char* wrong :
       {"", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh/"})
    CHECK_FALSE(parse_key(wrong));
  CHECK(to_text(parse_short_id("0A1b").value()) == "0a1b000000000000");
  CHECK(parse_short_id("") == short_id());
  for (const char* wrong : {"0", "0g", "0123456789abcdef00"}) CHECK_FALSE(parse_short_id(wrong));
  CHECK(parse_client_version("26.3.27") == client_version{26, 3, 27});
  CHECK(parse_client_version("26") == client_version{26, 0, 0});
  for (const char* wrong : {"", "26.", "256", "1.2.3.4", "a"}) CHECK_FALSE(parse_client_version(wrong));
}

TEST_CASE("reality: what Xray's server has agreed to", "[proxy][reality]") {
  const byte_string message = from_hex(by_openssl::hello);
  const auto hello = parse_reality_hello(message).value();
  CHECK(hello.server_name == "example.test");
  CHECK(hello.has_tls13);
  const auto key =
      auth_key(x25519_key(key_of(by_openssl::ephemeral_private)), from_hex(server_public), hello.random)
          .value();
  CHECK(hex(key) == by_openssl::key);
  const auto claim = open_session_id(key, hello).value();
  const auto sealed = seal_session_id(key, hello.random, hello.without_session_id, claim);
  CHECK(std::ranges::equal(sealed, hello.session_id));
  const byte_string shown = from_hex(by_openssl::certificate);
  const const_bytes ed25519 = const_bytes(shown).subspan(72, 32);
  CHECK(hex(reality_certificate(ed25519, certificate_proof(key, ed25519))) == by_openssl::certificate);
  reality_rules r = rules();
  r.short_ids = {claim.id};
  CHECK(verdict(message, r) == "own");
}

TEST_CASE("reality: what Xray's client has sent and taken", "[proxy][reality]") {
  const byte_string message = from_hex(by_xray::hello);
  const auto hello = parse_reality_hello(message).value();
  const auto key = auth_key(x25519_key(key_of(server_private)), hello.x25519, hello.random).value();
  CHECK(hex(key) == by_xray::key);
  const auto claim = open_session_id(key, hello).value();
  CHECK(claim.version == client_version{26, 7, 28});
  CHECK(to_text(claim.id) == "0123456789abcdef");
  const byte_string shown = from_hex(by_xray::certificate);
  const const_bytes ed25519 = const_bytes(shown).subspan(72, 32);
  CHECK(hex(reality_certificate(ed25519, certificate_proof(key, ed25519))) == by_xray::certificate);
  CHECK(verdict(message, of_xray()) == "own");
}

TEST_CASE("reality: any wrong bit makes a stranger", "[proxy][reality]") {
  const byte_string good = from_hex(by_openssl::hello);
  reality_rules r = rules();
  r.short_ids = {judge(received(good), r, 0s).claim.id};
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      byte_string wrong = good;
      wrong[at] ^= static_cast<std::byte>(1 << bit);
      if (verdict(wrong, r) == "own") FAIL(at << ' ' << bit);
    }
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK(verdict({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)}, r) ==
          "it sent no ClientHello");
}

TEST_CASE("reality: which check a client has failed", "[proxy][reality]") {
  const byte_string good = from_hex(by_xray::hello);
  reality_rules r = of_xray();
  const auto claim = judge(received(good), r, 0s).claim;
  const duration then = std::chrono::seconds(claim.time);
  r.max_time_difference = 60s;
  CHECK(verdict(good, r, then + 60s) == "own");
  CHECK(verdict(good, r, then - 60s) == "own");
  CHECK(verdict(good, r, then + 61s) == "its clock differs by more than maxTimeDiff");
  r.max_time_difference = 0s;
  r.min_version = client_version{26, 8, 0};
  CHECK(verdict(good, r) == "its version is not between minClientVer and maxClientVer");
  r.min_version = r.max_version = client_version{26, 7, 28};
  CHECK(verdict(good, r) == "own");
  r.max_version = client_version{26, 7, 27};
  CHECK(verdict(good, r) == "its version is not between minClientVer and maxClientVer");
  r = of_xray();
  r.short_ids = {short_id()};
  CHECK(verdict(good, r) == "its short id is not in shortIds");
  r = of_xray();
  key_bytes other = key_of(server_private);
  other[0] ^= std::byte{8};
  r.private_key = x25519_key(other);
  CHECK(verdict(good, r) == "its session id was not sealed for this server's key");
  r = of_xray();
  r.names = {"example.org"};
  CHECK(verdict(good, r) == "it asks for a name that is not in serverNames");
  CHECK(verdict(rules_test::hello().bytes(), rules()) == "its ClientHello does not offer TLS 1.3");
}

TEST_CASE("reality: a public key that makes no secret", "[proxy][reality]") {
  CHECK_FALSE(auth_key(x25519_key(key_of(server_private)), byte_string(32), byte_string(32)));
}

namespace {

std::string describe(const received_hello& h) {
  switch (h.what) {
    case received_hello::status::need_more: return "more";
    case received_hello::status::none: return "none";
    case received_hello::status::whole: break;
  }
  return hex(h.message);
}
std::string read_cut(const byte_string& wire) {
  const std::string all = describe(read_received_hello(wire));
  for (std::size_t n = 0; n < wire.size(); ++n) {
    const byte_string part(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(n));
    const std::string r = describe(read_received_hello(part));
    if (r != "more" && r != all) return "BUT AT " + std::to_string(n) + ": " + r;
  }
  return all;
}

}  // namespace

TEST_CASE("reality: a ClientHello out of its records", "[proxy][reality]") {
  const byte_string message = from_hex(by_openssl::hello);
  for (const std::size_t n : {1U, 2U, 3U, 50U})
    CHECK(read_cut(rules_test::in_records(message, n)) == by_openssl::hello);
  CHECK(read_cut(rules_test::record(message) + byte_string(1)) == by_openssl::hello);
  CHECK(read_cut(rules_test::record(message + byte_string(1))) == "none");
  CHECK(read_cut(rules_test::record(message, 23)) == "none");
  CHECK(read_cut(head_test::bytes_of("GET / HTTP/1.1\r\n\r\n")) == "none");
  CHECK(read_cut(from_hex("1603010000")) == "none");
  CHECK(read_cut(from_hex("1603010005 02000000 00")) == "none");
  CHECK(describe(read_received_hello(from_hex("1603010004 01ffffff"))) == "none");
  CHECK(describe(read_received_hello(from_hex("1603010002 0100"))) == "more");
}

namespace {

byte_string server_hello(int suite, int group = 0x1d, int version = 0x0304, std::size_t share_size = 32) {
  using rules_test::message;
  message share;
  share.number(static_cast<std::uint64_t>(group), 2).counted(2, message().fill(share_size, 3));
  message extensions;
  extensions.number(43, 2).counted(2, message().number(static_cast<std::uint64_t>(version), 2));
  extensions.number(51, 2).counted(2, share);
  message body;
  body.number(0x0303, 2).fill(32, 7).counted(1, message().fill(32, 9));
  body.number(static_cast<std::uint64_t>(suite), 2).number(0, 1).counted(2, extensions);
  return message().number(2, 1).counted(3, body);
}
byte_string sealed(std::size_t size) { return rules_test::record(byte_string(size), 23); }
const byte_string change_cipher = rules_test::record(byte_string(1), 20);

std::string describe(const target_flight& f) {
  if (f.what == target_flight::status::need_more) return "more";
  if (f.what == target_flight::status::other) return "other";
  std::string out = fmt::format("{:04x}", f.suite);
  for (const std::size_t n : f.records) out += fmt::format(" {}", n);
  return out;
}

}  // namespace

TEST_CASE("reality: the target's answer", "[proxy][reality]") {
  const byte_string hello = rules_test::record(server_hello(0x1301));
  const byte_string four = sealed(23) + sealed(446) + sealed(96) + sealed(53);
  CHECK(describe(read_target_flight(hello + change_cipher + four)) == "1301 28 451 101 58");
  CHECK(describe(read_target_flight(hello + four)) == "1301 28 451 101 58");
  CHECK(describe(read_target_flight(hello + change_cipher + sealed(2000))) == "1301 2005");
  const byte_string hybrid = rules_test::record(server_hello(0x1302, 0x11ec, 0x0304, 1120));
  CHECK(describe(read_target_flight(hybrid + change_cipher + four)) == "1302 28 451 101 58");
  CHECK(describe(read_target_flight(rules_test::record(server_hello(0x1301, 0x11ec)))) == "other");
  CHECK(describe(read_target_flight(hello + change_cipher + sealed(23))) == "more");
  CHECK(describe(read_target_flight(hello + sealed(23) + sealed(9000))) == "other");
  CHECK(describe(read_target_flight(hello + rules_test::record(byte_string(2), 21))) == "other");
  CHECK(describe(read_target_flight(rules_test::record(server_hello(0x1301, 0x17)))) == "other");
  CHECK(describe(read_target_flight(rules_test::record(server_hello(0x1301, 0x1d, 0x0303)))) == "other");
  CHECK(describe(read_target_flight(rules_test::record(server_hello(0xc02f)))) == "other");
  CHECK(describe(read_target_flight(from_hex("1503030002022a"))) == "other");
  const byte_string whole = hello + change_cipher + four;
  std::string decided;
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const byte_string part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    const std::string r = describe(read_target_flight(part));
    CHECK((r == "more" || n == whole.size()));
  }
}

TEST_CASE("reality: session ids are remembered for ten minutes", "[proxy][reality]") {
  session_id_replay_filter seen;
  session_id id{};
  const time_point now{};
  CHECK(seen.note(id, now));
  CHECK_FALSE(seen.note(id, now + 599s));
  CHECK(seen.note(id, now + 600s));
  CHECK(seen.size() == 1);
  for (std::uint32_t i = 1; i <= session_id_replay_filter::most + 10; ++i) {
    std::memcpy(id.data(), &i, sizeof i);
    CHECK(seen.note(id, now + 601s));
  }
  CHECK(seen.size() == session_id_replay_filter::most);
}

}  // namespace reality_test
