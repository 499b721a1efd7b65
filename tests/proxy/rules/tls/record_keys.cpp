// record_keys: the records of RFC 8448, and what is sealed is opened, in pieces, with padding and with new
// keys.
#include "catch.hpp"

#include "proxy/tls/record_keys.hpp"

#include <muxpro/testing/hex.hpp>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

namespace record_keys_test {

using namespace muxpro;
using namespace muxpro::proxy;
using testing::from_hex;
using testing::to_hex;
using byte_string = std::vector<std::byte>;

constexpr std::uint32_t suites[] = {0x1301, 0x1302, 0x1303};

byte_string secret_for(tls_suite s, int seed = 1) {
  byte_string out(digest_size(s.digest));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::byte>(i * 7 + static_cast<unsigned>(seed));
  return out;
}

byte_string text_of(std::size_t n) {
  byte_string out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(i % 251 + 1);
  return out;
}

/// A record of `text`, sealed in pieces of `part` bytes.
byte_string sealed(record_keys& keys, const byte_string& text, std::size_t part = 65536,
                   record_type type = record_type::application_data) {
  std::vector<const_bytes> parts;
  for (std::size_t at = 0; at < text.size(); at += part)
    parts.push_back(const_bytes(text).subspan(at, std::min(part, text.size() - at)));
  byte_string out(text.size() + record_overhead);
  CHECK(keys.seal(type, parts, text.size(), out.data()) == out.size());
  return out;
}

/// The record that a peer would make whose text ends with its type and its padding.
byte_string padded_record(tls_suite suite, const byte_string& inner) {
  const byte_string secret = secret_for(suite);
  byte_string key(aead_key_size(suite.cipher)), iv(aead_nonce), out(record_header + inner.size() + aead_tag);
  expand_label(suite.digest, secret, "key", key);
  expand_label(suite.digest, secret, "iv", iv);
  const std::size_t rest = inner.size() + aead_tag;
  const byte_string head{std::byte{23}, std::byte{3}, std::byte{3}, static_cast<std::byte>(rest >> 8),
                         static_cast<std::byte>(rest)};
  std::copy(head.begin(), head.end(), out.begin());
  aead_key(suite.cipher, key, aead_key::use::to_seal).seal(iv, inner, out.data() + head.size(), head);
  return out;
}

TEST_CASE("record keys: the client's records of RFC 8448 section 3", "[proxy][tls]") {
  const auto secret = from_hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
  record_keys keys(*find_tls_suite(0x1301), secret, 0, aead_key::use::to_seal);
  byte_string text(50);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::byte>(i);
  CHECK(sealed(keys, text) ==
        from_hex(
            "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b"
            "62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"));
  CHECK(sealed(keys, {std::byte{1}, std::byte{0}}, 2, record_type::alert) ==
        from_hex("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"));
}

TEST_CASE("record keys: what is sealed in pieces is opened, where it is or elsewhere", "[proxy][tls]") {
  for (const std::uint32_t number : suites) {
    const tls_suite suite = *find_tls_suite(number);
    record_keys seals(suite, secret_for(suite), 3, aead_key::use::to_seal);
    record_keys opens(suite, secret_for(suite), 3, aead_key::use::to_open);
    for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1350U, 16383U, 16384U})
      for (const std::size_t part : {1U, 8U, 16U, 1000U, 65536U}) {
        if (part == 1 && size > 2000) continue;
        const byte_string text = text_of(size);
        byte_string record = sealed(seals, text, part), elsewhere(size + 1);
        const bool in_place = size % 2 == 0;
        std::byte* const to = in_place ? record.data() + record_header : elsewhere.data();
        const auto got = opens.open(record, to);
        REQUIRE(got);
        CHECK(got->type == 23);
        REQUIRE(got->text == size);
        CHECK(std::equal(text.begin(), text.end(), to));
      }
  }
}

TEST_CASE("record keys: padding is no text, and a record of zeros has no type", "[proxy][tls]") {
  const tls_suite suite = *find_tls_suite(0x1302);
  for (const std::size_t zeros : {0U, 1U, 2U, 100U, 5000U})
    for (const std::size_t size : {0U, 1U, 300U}) {
      byte_string inner = text_of(size);
      inner.push_back(std::byte{22});
      inner.resize(inner.size() + zeros);
      const byte_string record = padded_record(suite, inner);
      byte_string to(record.size());
      record_keys keys(suite, secret_for(suite), 0, aead_key::use::to_open);
      const auto got = keys.open(record, to.data());
      REQUIRE(got);
      CHECK(got->type == 22);
      CHECK(got->text == size);
    }
  const byte_string record = padded_record(suite, byte_string(20));
  byte_string to(record.size());
  record_keys keys(suite, secret_for(suite), 0, aead_key::use::to_open);
  const auto got = keys.open(record, to.data());
  REQUIRE(got);
  CHECK(got->type == 0);
}

TEST_CASE("record keys: a changed bit, another place, another key are not authentic", "[proxy][tls]") {
  for (const std::uint32_t number : suites) {
    const tls_suite suite = *find_tls_suite(number);
    record_keys seals(suite, secret_for(suite), 0, aead_key::use::to_seal);
    const byte_string record = sealed(seals, text_of(30)), next = sealed(seals, text_of(30));
    byte_string to(record.size());
    for (std::size_t i = 0; i < record.size() * 8; ++i) {
      byte_string changed = record;
      changed[i / 8] ^= static_cast<std::byte>(1U << i % 8);
      record_keys opens(suite, secret_for(suite), 0, aead_key::use::to_open);
      CHECK_FALSE(opens.open(changed, to.data()));
    }
    record_keys opens(suite, secret_for(suite), 0, aead_key::use::to_open);
    CHECK_FALSE(opens.open(next, to.data()));
    record_keys others(suite, secret_for(suite, 2), 0, aead_key::use::to_open);
    CHECK_FALSE(others.open(record, to.data()));
  }
}

TEST_CASE("record keys: both ends change keys together", "[proxy][tls]") {
  for (const std::uint32_t number : suites) {
    const tls_suite suite = *find_tls_suite(number);
    record_keys seals(suite, secret_for(suite), 9, aead_key::use::to_seal);
    record_keys opens(suite, secret_for(suite), 9, aead_key::use::to_open);
    record_keys late(suite, secret_for(suite), 0, aead_key::use::to_open);
    for (int i = 0; i < 3; ++i) {
      seals.update();
      const byte_string record = sealed(seals, text_of(100));
      byte_string to(record.size());
      CHECK_FALSE(late.open(record, to.data()));
      opens.update();
      CHECK(opens.open(record, to.data()));
    }
  }
}

TEST_CASE("record keys: they are used up behind 2^24 records", "[proxy][tls]") {
  const tls_suite suite = *find_tls_suite(0x1301);
  record_keys keys(suite, secret_for(suite), (1 << 24) - 1, aead_key::use::to_seal);
  CHECK_FALSE(keys.are_used_up());
  sealed(keys, text_of(1));
  CHECK(keys.are_used_up());
  keys.update();
  CHECK_FALSE(keys.are_used_up());
}

TEST_CASE("record keys: other suites than three are unknown", "[proxy][tls]") {
  for (const std::uint32_t number : {0U, 0x1300U, 0x1304U, 0x1305U, 0xc02fU})
    CHECK_FALSE(find_tls_suite(number));
}

}  // namespace record_keys_test
