#include "catch.hpp"

#include "proxy/base/aead.hpp"

#include <muxpro/testing/hex.hpp>

#include <string>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using testing::from_hex;
using byte_string = std::vector<std::byte>;

struct vector_of_a_standard {
  aead_cipher cipher;
  const char *key, *nonce, *associated, *text, *sealed;
};

// NIST, "The Galois/Counter Mode of Operation", test cases 1, 2 and 13; RFC 8439, 2.8.2.
const vector_of_a_standard known[] = {
    {aead_cipher::aes_128_gcm, "00000000000000000000000000000000", "000000000000000000000000", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {aead_cipher::aes_128_gcm, "00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
    {aead_cipher::aes_256_gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {aead_cipher::chacha20_poly1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f75"
     "6c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e7363726565"
     "6e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71"
     "de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def0"
     "8e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
};

}  // namespace

TEST_CASE("aead: vectors of the standards", "[proxy][aead]") {
  for (const vector_of_a_standard& v : known) {
    const byte_string key = from_hex(v.key), nonce = from_hex(v.nonce), associated = from_hex(v.associated);
    byte_string text = from_hex(v.text), sealed = from_hex(v.sealed), out(sealed.size());
    REQUIRE(key.size() == aead_key_size(v.cipher));
    aead_key seals(v.cipher, key, aead_key::use::to_seal), opens(v.cipher, key, aead_key::use::to_open);
    for (int again = 0; again < 2; ++again) {
      seals.seal(nonce, text, out.data(), associated);
      CHECK(out == sealed);
      out.assign(text.size(), {});
      CHECK(opens.open(nonce, sealed, out.data(), associated));
      CHECK(out == text);
      out.resize(sealed.size());
    }
    byte_string in_place = sealed;
    CHECK(opens.open(nonce, in_place, in_place.data(), associated));
    in_place.resize(text.size());
    CHECK(in_place == text);
  }
}

TEST_CASE("aead: a change anywhere is noticed", "[proxy][aead]") {
  for (const vector_of_a_standard& v : known) {
    const byte_string key = from_hex(v.key), nonce = from_hex(v.nonce), associated = from_hex(v.associated);
    const byte_string sealed = from_hex(v.sealed);
    byte_string out(sealed.size());
    aead_key opens(v.cipher, key, aead_key::use::to_open);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      byte_string changed = sealed;
      changed[i] ^= std::byte{1};
      CHECK_FALSE(opens.open(nonce, changed, out.data(), associated));
    }
    CHECK_FALSE(opens.open(nonce, const_bytes(sealed).first(aead_tag - 1), out.data(), associated));
    CHECK_FALSE(opens.open(nonce, sealed, out.data(), from_hex("00")));
    CHECK(opens.open(nonce, sealed, out.data(), associated));
  }
}
