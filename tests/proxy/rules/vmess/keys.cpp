// The primitives of VMess: key derivation, SHAKE128, checksums, auth ids.
#include "catch.hpp"
#include "golden.hpp"

#include "proxy/vmess/checksums.hpp"
#include "proxy/vmess/kdf.hpp"
#include "proxy/vmess/shake128.hpp"
#include "proxy/vmess/user.hpp"

#include <muxpro/testing/hex.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <vector>

namespace vmess_keys_test {
namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using testing::from_hex;
using byte_string = std::vector<std::byte>;

std::string hex(const_bytes in) {
  std::string out = testing::to_hex(in);
  std::erase(out, ' ');
  return out;
}
vmess_user golden_user() {
  uuid id{};
  const byte_string bytes = from_hex(vmess_golden::user);
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return vmess_user(id);
}

}  // namespace

TEST_CASE("vmess: golden derivations", "[proxy][vmess]") {
  const const_bytes key = bytes_of("Demo Key for Auth ID Test");
  CHECK(hex(vmess_kdf(key, {})) == "7b9d2c2e1fab0b407a2ec00bab371b9667ca35f6674086ef384251821f6005f8");
  CHECK(hex(vmess_kdf(key, {bytes_of("Demo Path for Auth ID Test")})).substr(0, 32) ==
        "66e41ad47fa745fbfd1e97325e93dbf4");
  const byte_string id = from_hex(vmess_golden::auth_id), nonce = from_hex(vmess_golden::nonce);
  const byte_string command = from_hex(vmess_golden::command_key);
  CHECK(hex(vmess_kdf(command, {bytes_of("VMess Header AEAD Key_Length"), id, nonce})).substr(0, 32) ==
        "2a42f64d22e3348625a7c0bad1f27d9c");
  CHECK(hex(vmess_kdf(command, {bytes_of("VMess Header AEAD Nonce"), id, nonce})).substr(0, 24) ==
        "bc1c9af56e523ac7d1fe76b5");
}

TEST_CASE("vmess: shake128 goes on where it was", "[proxy][vmess]") {
  shake128 golden(from_hex(vmess_golden::body_iv));
  for (const std::byte b : from_hex(vmess_golden::shake128_of_iv)) CHECK(golden.next() == b);
  shake128 words(from_hex("000102030405060708090a0b0c0d0e0f"));
  for (const int word : {0x9848, 0x1946, 0xde85, 0xc670}) CHECK(words.next_word() == word);
}

TEST_CASE("vmess: shake128 is libcrypto's", "[proxy][vmess]") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{7}, shake128::rate - 1}) {
    const byte_string message(size, std::byte{0x5a});
    std::vector<unsigned char> all(1000);
    EVP_MD_CTX* const c = EVP_MD_CTX_new();
    REQUIRE(EVP_DigestInit_ex(c, EVP_shake128(), nullptr) == 1);
    REQUIRE(EVP_DigestUpdate(c, message.data(), message.size()) == 1);
    REQUIRE(EVP_DigestFinalXOF(c, all.data(), all.size()) == 1);
    EVP_MD_CTX_free(c);
    shake128 own(message);
    bool equal = true;
    for (const unsigned char b : all) equal = equal && own.next() == std::byte{b};
    CHECK(equal);
  }
}

TEST_CASE("vmess: checksums", "[proxy][vmess]") {
  CHECK(crc32(bytes_of("123456789")) == 0xcbf43926);
  CHECK(crc32({}) == 0);
  CHECK(fnv1a({}) == 0x811c9dc5);
  CHECK(fnv1a(bytes_of("foobar")) == 0xbf9cf968);
}

TEST_CASE("vmess: a user's keys, and auth ids", "[proxy][vmess]") {
  const vmess_user user = golden_user();
  CHECK(hex(user.command_key) == vmess_golden::command_key);
  CHECK(hex(user.auth_key) == vmess_golden::auth_key);
  const vmess_user again(user.stored());
  CHECK(again.command_key == user.command_key);
  CHECK(again.auth_key == user.auth_key);
  const vmess_block id = seal_auth_id(user, vmess_golden::time, vmess_golden::auth_id_random);
  CHECK(hex(id) == vmess_golden::auth_id);
  CHECK(open_auth_id(user.auth_key, id) == vmess_golden::time);
  for (std::size_t bit = 0; bit < 128; ++bit) {
    vmess_block changed = id;
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(open_auth_id(user.auth_key, changed));
  }
  CHECK_FALSE(open_auth_id(vmess_user(*parse_uuid("other")).auth_key, id));
}

}  // namespace vmess_keys_test
