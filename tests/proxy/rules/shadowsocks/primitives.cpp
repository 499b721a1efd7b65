// BLAKE3, XChaCha20, keys, salts and numbers of packets.
#include "catch.hpp"
#include "support.hpp"

#include "proxy/shadowsocks/blake3.hpp"
#include "proxy/shadowsocks/hchacha20.hpp"
#include "proxy/shadowsocks/packet_window.hpp"
#include "proxy/shadowsocks/salt_memory.hpp"

#include <random>
#include <set>

namespace shadowsocks_test {
namespace {

// The input of the test vectors of BLAKE3's authors.
byte_string test_input(std::size_t size) {
  byte_string out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::byte>(i % 251));
  return out;
}

TEST_CASE("shadowsocks: BLAKE3 has the hashes of its authors", "[proxy][shadowsocks]") {
  const std::string context = "BLAKE3 2019-12-27 16:29:52 test vectors context";
  const struct {
    std::size_t size;
    std::string hash, derived;
  } vectors[] = {
      {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
       "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"},
      {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
       "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"},
      {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
       "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5"},
      {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
       "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"},
  };
  for (const auto& v : vectors) {
    CHECK(hex(blake3(test_input(v.size))) == v.hash);
    CHECK(hex(blake3_derive_key(context, test_input(v.size))) == v.derived);
  }
  CHECK(hex(blake3(bytes_of("abc"))) == "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
  CHECK_THROWS_AS(blake3(test_input(1025)), std::length_error);
}

TEST_CASE("shadowsocks: XChaCha20 has the bytes of its draft", "[proxy][shadowsocks]") {
  // draft-irtf-cfrg-xchacha-03, section 2.2.1 and appendix A.3.1, whose tag is of other associated data.
  CHECK(hex(hchacha20(counting(32), from_hex("000000090000004a0000000031415927"))) ==
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
  const byte_string text = bytes_of(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen "
      "would be it.");
  sealing_key cipher(shadowsocks_cipher::xchacha20_poly1305, sealing_key::use::to_seal, counting(32, 0x80));
  byte_string sealed(text.size() + aead_tag);
  cipher.seal(counting(24, 0x40), text, sealed.data());
  CHECK(
      hex(const_bytes(sealed).first(text.size())) ==
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c"
      "6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97"
      "637da9768812f615c68b13b52e");
  sealing_key opens(shadowsocks_cipher::xchacha20_poly1305, sealing_key::use::to_open, counting(32, 0x80));
  REQUIRE(opens.open(counting(24, 0x40), sealed, sealed.data()));
  CHECK(text_of(const_bytes(sealed).first(text.size())) == text_of(text));
}

TEST_CASE("shadowsocks: ciphers refuse what is not authentic", "[proxy][shadowsocks]") {
  for (const shadowsocks_cipher kind :
       {shadowsocks_cipher::aes_128_gcm, shadowsocks_cipher::aes_256_gcm,
        shadowsocks_cipher::chacha20_poly1305, shadowsocks_cipher::xchacha20_poly1305}) {
    const byte_string key = counting(kind == shadowsocks_cipher::aes_128_gcm ? 16 : 32);
    for (const std::size_t size : {0U, 1U, 100U}) {
      sealing_sequence seals(kind, sealing_key::use::to_seal, key),
          opens(kind, sealing_key::use::to_open, key);
      byte_string first(size + aead_tag), second(size + aead_tag), room(200);
      seals.seal(counting(size), first.data());
      seals.seal(counting(size), second.data());
      CHECK(first != second);
      CHECK(opens.open(first, room.data()));
      CHECK(opens.open(second, room.data()));
      sealing_sequence again(kind, sealing_key::use::to_open, key);
      CHECK_FALSE(again.open(second, room.data()));
      sealing_sequence changed(kind, sealing_key::use::to_open, key);
      first[0] ^= std::byte{1};
      CHECK_FALSE(changed.open(first, room.data()));
      CHECK_FALSE(changed.open(const_bytes(first).first(15), room.data()));
    }
  }
}

TEST_CASE("shadowsocks: keys of passwords and sessions", "[proxy][shadowsocks]") {
  CHECK(hex(key_of_password("password", 32)) ==
        "5f4dcc3b5aa765d61d8327deb882cf992b95990a9151374abd8ff8c5a7a0fe08");
  CHECK(hex(key_of_password("secret", 16)) == "5ebe2294ecd0e0f08eab7690d2a6ee69");
  CHECK(hex(session_key(method("aes-256-gcm"), key_of_password("password", 32), counting(32))) ==
        "ee187aed3f87574907a39db98606f60a526114831288097cac66054b33a9464f");
  CHECK(hex(session_key(method("aes-128-gcm"), key_of_password("secret", 16), counting(16, 0x80))) ==
        "8702fc6efb7465ea229c7d6ec87e06e2");
  CHECK(hex(session_key(method("2022-blake3-aes-128-gcm"), counting(16), counting(16, 0x10))) ==
        "bc32fb8d5205f7b84f9691dfb9f04ff3");
  CHECK(hex(session_key(method("2022-blake3-aes-256-gcm"), counting(32), counting(32, 0x80))) ==
        "11289b9d205255930f83932405c2b0a38ec32be703fe33f290ff25ffeff402f9");
}

TEST_CASE("shadowsocks: names of methods", "[proxy][shadowsocks]") {
  CHECK(method("AEAD_AES_256_GCM").name == "aes-256-gcm");
  CHECK(method("chacha20-poly1305").name == "chacha20-ietf-poly1305");
  CHECK(method("2022-blake3-chacha20-poly1305").datagram_cipher == shadowsocks_cipher::xchacha20_poly1305);
  for (const char* name : {"none", "plain", "rc4-md5", "aes-192-gcm", ""})
    CHECK(find_shadowsocks_method(name) == nullptr);
}

TEST_CASE("shadowsocks: lists of keys", "[proxy][shadowsocks]") {
  const auto two = parse_shadowsocks_keys("AAECAwQFBgcICQoLDA0ODw==:EBESExQVFhcYGRobHB0eHw==", 16);
  REQUIRE(two);
  CHECK(hex(two->at(0)) == hex(counting(16)));
  CHECK(hex(two->at(1)) == hex(counting(16, 16)));
  for (const char* text :
       {"", "secret", "AAECAwQFBgcICQoLDA0ODw==:", "AAECAwQFBgcICQoLDA0O", "AAECAwQFBgcICQoLDA0ODw"})
    CHECK_FALSE(parse_shadowsocks_keys(text, 16));
  CHECK_FALSE(parse_shadowsocks_keys("AAECAwQFBgcICQoLDA0ODw==", 32));
}

TEST_CASE("shadowsocks: a salt is used once", "[proxy][shadowsocks]") {
  const auto at = [](int s) { return example_time + std::chrono::seconds(s); };
  salt_memory salts = salt_memory::of_2022();
  CHECK(salts.first_time(counting(16), at(0)));
  CHECK_FALSE(salts.first_time(counting(16), at(60)));
  // A clock that is set back forgets nothing.
  CHECK_FALSE(salts.first_time(counting(16), at(-100)));
  CHECK(salts.first_time(counting(16), at(200)));
  salt_memory always = salt_memory::of_2017(3);
  CHECK(always.first_time(counting(32), at(0)));
  CHECK_FALSE(always.first_time(counting(32), at(1'000'000'000)));
  for (unsigned i = 1; i <= 3; ++i) CHECK(always.first_time(counting(32, i), at(0)));
  CHECK_FALSE(always.first_time(counting(32, 3), at(0)));
  for (unsigned i = 4; i <= 7; ++i) CHECK(always.first_time(counting(32, i), at(0)));
  CHECK(always.first_time(counting(32), at(0)));
}

TEST_CASE("shadowsocks: a packet is received once", "[proxy][shadowsocks]") {
  std::mt19937_64 random(1);
  packet_window window;
  std::set<std::uint64_t> received;
  std::uint64_t highest = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t jump = random() % 100 == 0 ? random() % 5000 : random() % 8;
    const std::uint64_t n = random() % 2 ? highest + jump : highest - std::min(highest, random() % 4000);
    const bool old = !received.empty() && highest > n && highest - n >= packet_window::width;
    CHECK(window.is_new(n) == (!old && !received.contains(n)));
    if (!window.is_new(n)) continue;
    window.add(n);
    received.insert(n);
    highest = std::max(highest, n);
  }
  window.add(~std::uint64_t{0});
  CHECK_FALSE(window.is_new(~std::uint64_t{0}));
  CHECK_FALSE(window.is_new(highest));
  CHECK(window.is_new(~std::uint64_t{0} - 1));
}

TEST_CASE("shadowsocks: a clock that is off is named with its seconds", "[proxy][shadowsocks]") {
  const auto of = [](std::int64_t off) {
    return clock_mistake(static_cast<std::uint64_t>(1700000000 + off), example_time);
  };
  CHECK(of(0).empty());
  CHECK(of(30).empty());
  CHECK(of(-30).empty());
  CHECK(of(31) == "the peer has a clock off by +31 s, and 30 s are allowed");
  CHECK(of(-45) == "the peer has a clock off by -45 s, and 30 s are allowed");
  CHECK_FALSE(clock_mistake(~std::uint64_t{0}, example_time).empty());
  CHECK_FALSE(clock_mistake(0, example_time).empty());
  CHECK_FALSE(clock_error(1700000000, example_time));
  CHECK(clock_error(1700000060, example_time).message() == of(60));
  CHECK(clock_error(~std::uint64_t{0}, example_time));
}

}  // namespace
}  // namespace shadowsocks_test
